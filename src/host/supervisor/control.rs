//! The requests to the owners of a supervisor's processes.

use std::sync::Arc;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Mutex, oneshot};

use super::error::{Cause, ReloadError};
use super::instance::{Dispense, Orders, Reload};
use super::shared::Shared;
use crate::connection::DispenseError;
use crate::host::ClientConfig;
use crate::interface::supervised::Route;
use crate::rpc::CallError;

pub(super) struct Control {
    pub(super) shared: Arc<Shared>,
    /// One for each process of a pool.
    orders: Vec<Orders>,
    /// One reload at a time: the processes of a pool are replaced one by one.
    reload: Mutex<()>,
}

impl Control {
    pub(super) fn new(shared: Arc<Shared>, orders: Vec<Orders>) -> Self {
        Self {
            shared,
            orders,
            reload: Mutex::new(()),
        }
    }

    /// Asks every process to serve a route, until one does.
    pub(super) async fn lead(&self, route: &Arc<Route>) -> Result<(), DispenseError> {
        let mut answers = FuturesUnordered::new();
        for orders in &self.orders {
            answers.push(ask(orders, route));
        }
        let mut refused = Ok(());
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(()) => return Ok(()),
                // Of a pool, another one may be in service.
                Err(DispenseError::Call(error)) if error.is_down() => {
                    refused = Err(DispenseError::Call(error));
                }
                Err(error) => return Err(error),
            }
        }
        refused
    }

    /// Replaces the processes one by one.
    pub(super) async fn reload(&self, config: Option<ClientConfig>) -> Result<(), ReloadError> {
        let _alone = self.reload.lock().await;
        for orders in &self.orders {
            let (done, reloaded) = oneshot::channel();
            let config = config.clone();
            let asked = orders.reloads.send(Reload { config, done }).await;
            asked.map_err(|_| ReloadError::Shutdown)?;
            reloaded.await.unwrap_or(Err(ReloadError::Shutdown))?;
        }
        Ok(())
    }
}

/// Asks one process to serve a route.
async fn ask(orders: &Orders, route: &Arc<Route>) -> Result<(), DispenseError> {
    loop {
        let (done, dispensed) = oneshot::channel();
        let route = Arc::clone(route);
        let asked = orders.dispenses.send(Dispense { route, done }).await;
        if asked.is_err() {
            return Err(DispenseError::Call(CallError::Down {
                method: "Dispenser.Dispense".to_owned(),
                waited: None,
                source: Some(Arc::new(Cause::Shutdown)),
            }));
        }
        // A process that ended meanwhile has not answered.
        if let Ok(dispensed) = dispensed.await {
            return dispensed;
        }
    }
}
