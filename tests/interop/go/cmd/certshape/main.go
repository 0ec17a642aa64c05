// Command certshape prints what two one-time certificates must have in common.
//
//	certshape FIELD
//
// FIELD is DER in unpadded base64, as the handshake line has it.
package main

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: certshape FIELD"))
	}
	der, err := base64.RawStdEncoding.DecodeString(os.Args[1])
	if err != nil {
		fail(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		fail(err)
	}
	key, ok := c.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		fail(fmt.Errorf("the key is a %T", c.PublicKey))
	}
	age := time.Since(c.NotBefore)
	fmt.Println("key:", key.Curve.Params().Name)
	fmt.Println("signature:", c.SignatureAlgorithm)
	fmt.Println("version:", c.Version)
	fmt.Println("organization:", c.Subject.Organization, c.Issuer.Organization)
	fmt.Println("name:", c.Subject.CommonName, c.Issuer.CommonName)
	fmt.Println("names:", c.DNSNames, len(c.IPAddresses), len(c.URIs), len(c.EmailAddresses))
	fmt.Println("authority:", c.BasicConstraintsValid, c.IsCA, c.MaxPathLen)
	fmt.Printf("key usage: %b\n", c.KeyUsage)
	fmt.Println("extended key usage:", c.ExtKeyUsage)
	fmt.Println("lifetime:", c.NotAfter.Sub(c.NotBefore))
	fmt.Println("half a minute old or a little more:", age >= 29*time.Second && age < 90*time.Second)
	fmt.Println("self-signed:", c.CheckSignatureFrom(c))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "certshape:", err)
	os.Exit(1)
}
