//! Writes the seeds of targets into a folder, one folder a target: `seeds FOLDER TARGET…`. `fuzz/run` does it.

use std::error::Error;
use std::path::PathBuf;

use motmot_fuzz_checks::seeds::{self, Seed};
use motmot_fuzz_checks::{bent, damaged};

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name the folder to write to")?);
    let targets: Vec<String> = arguments.collect();
    let asked = |seed: &Seed| targets.iter().any(|target| target == seed.target);
    let write = |seed: &Seed, name: String, input: &[u8]| {
        let folder = folder.join(seed.target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), input)
    };
    for seed in seeds::all()?.into_iter().filter(asked) {
        for (how, inputs) in [("bent", bent(&seed)), ("damaged", damaged(&seed))] {
            for (number, input) in inputs.iter().enumerate() {
                write(&seed, format!("{how}-{}-{number}", seed.name), input)?;
            }
        }
        write(&seed, format!("seed-{}", seed.name), &seed.bytes)?;
    }
    for seed in seeds::at_bounds()?.into_iter().filter(asked) {
        write(&seed, seed.name.clone(), &seed.bytes)?;
    }
    Ok(())
}
