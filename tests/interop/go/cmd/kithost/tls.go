package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"time"
)

// strangers shows that a plugin with TLS serves its host and nobody else.
func strangers(e *env) (string, error) {
	s, err := e.open(nil)
	if err != nil {
		return "", err
	}
	addr := s.client.ReattachConfig().Addr
	// Any certificate will do that is not the host's, and httptest has one.
	another := httptest.NewUnstartedServer(nil)
	another.StartTLS()
	defer another.Close()
	open := &tls.Config{InsecureSkipVerify: true}
	wrong := open.Clone()
	wrong.Certificates = another.TLS.Certificates
	old := wrong.Clone()
	old.MaxVersion = tls.VersionTLS12
	for name, config := range map[string]*tls.Config{
		"no TLS": nil, "no certificate": open, "another's certificate": wrong,
		"another's certificate by TLS 1.2": old,
	} {
		if err := refused(addr, config); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		if _, err := s.greetOK(); err != nil {
			return "", fmt.Errorf("after %s: %w", name, err)
		}
	}
	return "", nil
}

// refused wants the plugin to hang up without an answer.
func refused(addr net.Addr, config *tls.Config) error {
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if config != nil {
		conn = tls.Client(conn, config)
	}
	// A yamux ping, which a plugin would answer.
	if _, err = conn.Write([]byte{0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7}); err != nil {
		return timely(err)
	}
	answer := make([]byte, 12)
	n, err := conn.Read(answer)
	if config == nil {
		// Without TLS, an alert is no answer that a client of yamux could take for one.
		for err == nil && answer[0] != 0 {
			n, err = conn.Read(answer)
		}
	}
	if err == nil {
		return fmt.Errorf("it answered %x", answer[:n])
	}
	return timely(err)
}

// timely is nil for a connection that has ended, however it did.
func timely(err error) error {
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		return err
	}
	return nil
}
