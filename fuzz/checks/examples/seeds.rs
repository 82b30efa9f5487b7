//! Writes the seeds into a folder, one folder a target: `seeds FOLDER`. `fuzz/run` does it.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("name the folder to write to")?);
    for seed in motmot_fuzz_checks::seeds::all()? {
        let folder = folder.join(seed.target);
        std::fs::create_dir_all(&folder)?;
        for (number, input) in motmot_fuzz_checks::bent(&seed).into_iter().enumerate() {
            std::fs::write(folder.join(format!("bent-{}-{number}", seed.name)), input)?;
        }
        std::fs::write(folder.join(format!("seed-{}", seed.name)), seed.bytes)?;
    }
    Ok(())
}
