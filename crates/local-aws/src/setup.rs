//! Where the parts are that the local AWS is made of: said by the caller, else by the environment that `cargo xtask`
//! sets, else where they are in the repository.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::artefacts;
use crate::stack::CdkApp;

/// A Python in which `server/requirements.txt` is installed.
const PYTHON: &str = "EBS_BACKUP_PYTHON";
/// The folder of the CDK app, after `npm ci`.
const INFRA: &str = "EBS_BACKUP_INFRA";
/// The functions, `<dir>/<stem>/bootstrap`.
const LAMBDAS: &str = "EBS_BACKUP_LAMBDAS";
/// The CDK app in the repository.
const INFRA_IN_REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra");

/// The parts.
#[derive(Debug)]
pub struct Setup {
    python: PathBuf,
    infra: PathBuf,
    lambdas: PathBuf,
    // Removes the functions that were laid out for this value.
    _laid_out: Option<TempDir>,
}

impl Setup {
    /// The parts as given, and for each one that is not: as the environment says, or where the repository has it.
    /// Functions that nobody names are those built beside this program.
    ///
    /// # Errors
    /// When nobody names a Python, or a function is not built.
    pub fn find(python: Option<PathBuf>, infra: Option<PathBuf>, lambdas: Option<PathBuf>) -> Result<Self> {
        let said = |given: Option<PathBuf>, variable| given.or_else(|| std::env::var_os(variable).map(PathBuf::from));
        let python = said(python, PYTHON)
            .with_context(|| format!("{PYTHON} is not set: `cargo xtask demo` and `cargo xtask test` set all up"))?;
        let infra = said(infra, INFRA).unwrap_or_else(|| PathBuf::from(INFRA_IN_REPOSITORY));
        if let Some(lambdas) = said(lambdas, LAMBDAS) {
            return Ok(Self { python, infra, lambdas, _laid_out: None });
        }
        let laid_out = tempfile::Builder::new().prefix("ebs-backup-functions-").tempdir()?;
        artefacts::lay_out(&artefacts::own_target_dir()?, laid_out.path())?;
        Ok(Self { python, infra, lambdas: laid_out.path().to_owned(), _laid_out: Some(laid_out) })
    }

    /// The parts as the environment says: for tests.
    ///
    /// # Errors
    /// As [`Setup::find`].
    pub fn from_environment() -> Result<Self> {
        Self::find(None, None, None)
    }

    /// The Python for [`crate::server::Options::new`].
    #[must_use]
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// The folder with the functions, `<dir>/<stem>/bootstrap`.
    #[must_use]
    pub fn lambdas(&self) -> &Path {
        &self.lambdas
    }

    /// The CDK app with other functions: those of `lambdas`.
    ///
    /// # Errors
    /// As [`CdkApp::new`].
    pub fn app_with(&self, lambdas: &Path) -> Result<CdkApp> {
        CdkApp::new(&self.infra, lambdas)
    }

    /// The CDK app with the functions.
    ///
    /// # Errors
    /// As [`CdkApp::new`].
    pub fn app(&self) -> Result<CdkApp> {
        CdkApp::new(&self.infra, &self.lambdas)
    }
}
