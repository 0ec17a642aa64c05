package kit

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
)

// ServerName is what a configured plugin's certificate is for, wherever the
// plugin really is.
const ServerName = "plugin.test"

// PluginTLS is the TLS of a plugin whose certificates are in dir: server.pem and
// server-key.pem are its own, ca.pem is whom it trusts.
func PluginTLS(dir string) (*tls.Config, error) {
	own, ca, err := load(dir, "server")
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{own},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    ca,
		MinVersion:   tls.VersionTLS12,
	}, nil
}

// HostTLS is the TLS of a host whose certificates are in dir, client.pem and
// client-key.pem being its own.
func HostTLS(dir string) (*tls.Config, error) {
	own, ca, err := load(dir, "client")
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{own},
		RootCAs:      ca,
		ServerName:   ServerName,
		MinVersion:   tls.VersionTLS12,
	}, nil
}

func load(dir, name string) (own tls.Certificate, ca *x509.CertPool, err error) {
	path := func(file string) string { return filepath.Join(dir, file) }
	own, err = tls.LoadX509KeyPair(path(name+".pem"), path(name+"-key.pem"))
	if err != nil {
		return own, nil, err
	}
	pem, err := os.ReadFile(path("ca.pem"))
	if err != nil {
		return own, nil, err
	}
	ca = x509.NewCertPool()
	if !ca.AppendCertsFromPEM(pem) {
		return own, nil, fmt.Errorf("%s: no certificate", path("ca.pem"))
	}
	return own, ca, nil
}
