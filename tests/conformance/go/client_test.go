package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	ivs "github.com/aws/aws-sdk-go-v2/service/ivsrealtime"
	"github.com/aws/aws-sdk-go-v2/service/ivsrealtime/types"
	"github.com/aws/smithy-go"
)

func newClient() *ivs.Client {
	return ivs.New(ivs.Options{
		BaseEndpoint: aws.String(os.Getenv("AWS_ENDPOINT_URL_IVS_REALTIME")),
		Region:       os.Getenv("AWS_REGION"),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
			}, nil
		}),
		Retryer: aws.NopRetryer{},
	})
}

// must gives the output of a call that has to succeed.
func must[T any](output T, err error) T {
	if err != nil {
		panic(err)
	}
	return output
}

// refused takes a call that has to end with the typed exception.
func refused[E smithy.APIError](t *testing.T, status int) func(any, error) {
	return func(_ any, err error) {
		t.Helper()
		var exception E
		var response *awshttp.ResponseError
		if !errors.As(err, &exception) || !errors.As(err, &response) || response.HTTPStatusCode() != status {
			t.Fatalf("not refused with %T and %d: %v", exception, status, err)
		}
	}
}

type pager[T any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*ivs.Options)) (T, error)
}

// all gives the items of every page.
func all[T, I any](pages pager[T], items func(T) []I) []I {
	var found []I
	for pages.HasMorePages() {
		found = append(found, items(must(pages.NextPage(ctx)))...)
	}
	return found
}

func each[T, U any](items []T, what func(T) U) []U {
	var found []U
	for _, item := range items {
		found = append(found, what(item))
	}
	return found
}

// until asks until the answer is yes: what sockets do is written a moment after it is done.
func until(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for range 1_200 {
		if ask() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("not within a minute: %s", what)
}

// material is the PEM text of a P-384 key.
func material(number int) *string {
	text := string(must(os.ReadFile(fmt.Sprintf("../keys/%d.pem", number))))
	return &text
}

// join joins a stage without media, and returns when the stage's first snapshot has come.
func join(t *testing.T, stage *types.Stage, token string) net.Conn {
	t.Helper()
	events := must(url.Parse(*stage.Endpoints.Events))
	_, topic, _ := strings.Cut(*stage.Arn, "/")
	socket := must(net.Dial("tcp", events.Host))
	must(fmt.Fprintf(socket, "GET %s/%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
		events.Path, topic, events.Host, token))
	if err := socket.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var seen []byte
	chunk := make([]byte, 4096)
	for !bytes.Contains(seen, []byte("STAGE_STATE")) {
		count, err := socket.Read(chunk)
		if err != nil {
			t.Fatalf("the socket was closed: %q", seen)
		}
		seen = append(seen, chunk[:count]...)
	}
	return socket
}
