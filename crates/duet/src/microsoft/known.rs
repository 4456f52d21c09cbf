//! What map documents do not say: names of entities, published maps, and live schemas on request.

use crate::config::Config;
use crate::failure::Failure;
use crate::packages;
use crate::project;
use crate::schemas;
use duet_map::file::MapFile;
use duet_map::microsoft::{EntityName, Known};

/// What the binary itself carries.
pub fn carried() -> Result<Known, Failure> {
    let finops = duet_sandbox::schema::finops()
        .map_err(|error| Failure::bug("the names of entities do not read", &error))?;
    let entities = finops.entities.iter();
    let mut maps = Vec::new();
    for package in packages::carried()? {
        for (file, text) in package.maps {
            maps.push(MapFile::parse(text, file).map_err(Failure::configuration)?);
        }
    }
    Ok(Known {
        entities: entities
            .map(|entity| EntityName {
                title: entity.title.clone(),
                object: entity.object.clone(),
                collection: entity.collection.clone(),
            })
            .collect(),
        maps,
        schemas: None,
    })
}

/// Adds the schemas of the tables that some maps name.
pub async fn connect(known: &mut Known, config: &Config, maps: &[MapFile]) -> Result<(), Failure> {
    let systems = project::systems(config)?;
    known.schemas = Some(schemas::fetch(&systems, maps).await?);
    Ok(())
}
