package agenttrace

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// dial opens a connection lazily. Retries of gRPC itself are off: what is not acknowledged is sent
// again by the uploader, and a listing goes on by its page token.
func dial(endpoint, apiKey string, more []grpc.DialOption) (*grpc.ClientConn, error) {
	address, transport, err := transportTo(endpoint)
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDisableRetry(),
		grpc.WithChainUnaryInterceptor(func(
			ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
		) error {
			return invoke(withKey(ctx, apiKey), method, request, reply, conn, opts...)
		}),
		grpc.WithChainStreamInterceptor(func(
			ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption,
		) (grpc.ClientStream, error) {
			return open(withKey(ctx, apiKey), desc, conn, method, opts...)
		}),
	}
	return grpc.NewClient(address, append(options, more...)...)
}

func withKey(ctx context.Context, apiKey string) context.Context {
	if apiKey == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+apiKey)
}

// transportTo returns an endpoint's address, and what the connection to it stands on.
func transportTo(endpoint string) (string, credentials.TransportCredentials, error) {
	scheme, address, found := strings.Cut(endpoint, "://")
	if !found {
		scheme, address = "", endpoint
	}
	if scheme == "http" || (scheme == "" && isLoopback(address)) {
		return address, insecure.NewCredentials(), nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if err := addRoots(config, os.Getenv("AGENTTRACE_ROOT_CERTIFICATES")); err != nil {
		return "", nil, err
	}
	if err := addCertificate(config, os.Getenv("AGENTTRACE_CLIENT_CERTIFICATE"), os.Getenv("AGENTTRACE_CLIENT_KEY")); err != nil {
		return "", nil, err
	}
	return address, credentials.NewTLS(config), nil
}

func isLoopback(address string) bool {
	for _, start := range []string{"127.", "localhost:", "[::1]:", "unix:"} {
		if strings.HasPrefix(address, start) {
			return true
		}
	}
	return address == "localhost"
}

func addRoots(config *tls.Config, file string) error {
	if file == "" {
		return nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("agenttrace: root certificates: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return errors.New("agenttrace: the file of root certificates has none")
	}
	return nil
}

func addCertificate(config *tls.Config, certificate, key string) error {
	if certificate == "" && key == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("agenttrace: the client's certificate: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return nil
}
