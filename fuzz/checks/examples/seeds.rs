//! Writes the seeds of targets into a folder, one folder a target: `seeds FOLDER TARGET…`. `fuzz/run` does it.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name the folder to write to")?);
    let targets: Vec<String> = arguments.collect();
    for seed in motmot_fuzz_checks::seeds::all()?.into_iter().filter(|seed| targets.iter().any(|target| target == seed.target)) {
        let folder = folder.join(seed.target);
        std::fs::create_dir_all(&folder)?;
        for (number, input) in motmot_fuzz_checks::bent(&seed).into_iter().enumerate() {
            std::fs::write(folder.join(format!("bent-{}-{number}", seed.name)), input)?;
        }
        std::fs::write(folder.join(format!("seed-{}", seed.name)), seed.bytes)?;
    }
    Ok(())
}
