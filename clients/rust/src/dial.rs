//! Connections to the services. They are made at the first call.

use std::{env, fs, time::Duration};

use tonic::{
    metadata::{Ascii, MetadataValue},
    service::{interceptor::InterceptedService, Interceptor},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
    Request, Status,
};

use crate::errors::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) type Connection = InterceptedService<Channel, Key>;

/// Puts the key into every call.
#[derive(Clone)]
pub(crate) struct Key(Option<MetadataValue<Ascii>>);

impl Key {
    pub(crate) fn new(api_key: &str) -> Result<Self, Error> {
        if api_key.is_empty() {
            return Ok(Key(None));
        }
        let mut value = MetadataValue::try_from(format!("Bearer {api_key}")).map_err(|_| Error::ApiKey)?;
        value.set_sensitive(true);
        Ok(Key(Some(value)))
    }
}

impl Interceptor for Key {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// Returns how an endpoint is reached: TLS beyond this machine, unless it says `http://`.
pub(crate) fn transport_to(endpoint: &str) -> Result<Endpoint, Error> {
    // The deadline of a call does not count while its connection is made.
    Ok(secured(endpoint)?.connect_timeout(CONNECT_TIMEOUT))
}

fn secured(endpoint: &str) -> Result<Endpoint, Error> {
    let (scheme, address) = endpoint.split_once("://").unwrap_or(("", endpoint));
    if scheme == "http" || (scheme.is_empty() && is_loopback(address)) {
        return Ok(Endpoint::from_shared(format!("http://{address}"))?);
    }
    Ok(Endpoint::from_shared(format!("https://{address}"))?.tls_config(certificates()?)?)
}

fn is_loopback(address: &str) -> bool {
    address == "localhost" || ["127.", "localhost:", "[::1]:"].iter().any(|start| address.starts_with(start))
}

fn certificates() -> Result<ClientTlsConfig, Error> {
    let mut config = ClientTlsConfig::new();
    config = match file("AGENTTRACE_ROOT_CERTIFICATES")? {
        Some(roots) => config.ca_certificate(Certificate::from_pem(roots)),
        None => config.with_native_roots(),
    };
    if let (Some(certificate), Some(key)) = (file("AGENTTRACE_CLIENT_CERTIFICATE")?, file("AGENTTRACE_CLIENT_KEY")?) {
        config = config.identity(Identity::from_pem(certificate, key));
    }
    Ok(config)
}

fn file(variable: &str) -> Result<Option<Vec<u8>>, Error> {
    match env::var_os(variable).filter(|path| !path.is_empty()) {
        Some(path) => Ok(Some(fs::read(path)?)),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme(endpoint: &str) -> String {
        transport_to(endpoint).unwrap().uri().scheme_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn beyond_this_machine_connections_take_tls() {
        assert_eq!(scheme("traces.example.com:443"), "https");
        assert_eq!(scheme("https://127.0.0.1:50051"), "https");
        assert_eq!(scheme("http://traces.example.com:80"), "http");
        assert_eq!(["127.0.0.1:50051", "localhost:50051", "[::1]:50051"].map(scheme), ["http"; 3]);
    }

    #[test]
    fn an_endpoint_that_can_not_be_is_an_error() {
        assert!(transport_to("two words").is_err());
        assert!(Key::new("line\nbreak").is_err());
    }

    #[test]
    fn a_key_goes_into_every_call_and_into_no_log() {
        let request = Key::new("secret").unwrap().call(Request::new(())).unwrap();

        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer secret");
        assert!(!format!("{:?}", request.metadata()).contains("secret"));
    }
}
