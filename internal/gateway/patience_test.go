package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/gateway"
	"github.com/lockstepdb/lockstep/internal/migrate"
)

// slowMigrator takes its time, and says whether its caller went away meanwhile.
type slowMigrator struct {
	fakeMigrator
	takes time.Duration
}

func (s slowMigrator) Execute(ctx context.Context, req migrate.ExecuteRequest, progress func(migrate.Event)) (*migrate.Result, error) {
	select {
	case <-time.After(s.takes):
		return s.fakeMigrator.Execute(ctx, req, progress)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// dial sends the head of a call whose body is as long as said, and returns the
// connection.
func dial(t *testing.T, url, path string, length int) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, length)
	require.NoError(t, err)
	return conn
}

// TestASlowBodyEnds: whoever sends a body a byte at a time is told so, and loses
// the connection, although something arrives all the time.
func TestASlowBodyEnds(t *testing.T) {
	url := serve(t, fakeMigrator{}, gateway.WithPatience(200*time.Millisecond, time.Minute, time.Now))
	for _, body := range []string{"", request} { // one that never begins, and one that never ends
		conn := dial(t, url, "/v1/migrations:execute", len(request)+1)
		began := time.Now()
		go func() {
			for _, b := range []byte(body) {
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, 400, resp.StatusCode)
		assert.Contains(t, string(text), "REQUEST_TOO_SLOW")
		assert.NotContains(t, string(text), secret)
		_, err = conn.Read(make([]byte, 1))
		require.Error(t, err, "the connection is closed")
		assert.Less(t, time.Since(began), 10*time.Second)
	}
}

// TestALongAnswerIsNoSlowBody: the time for the body is not the time for the
// call, whatever the server reads on for.
func TestALongAnswerIsNoSlowBody(t *testing.T) {
	url := serve(t, slowMigrator{takes: 600 * time.Millisecond}, gateway.WithPatience(150*time.Millisecond, 10*time.Second, time.Now))
	for range 2 { // and again over the same connection
		resp, body := call(t, "POST", url+"/v1/migrations:execute", request)
		assert.Equal(t, 200, resp.StatusCode, body)
		assert.Contains(t, body, "EXECUTION_OUTCOME_APPLIED")
		time.Sleep(200 * time.Millisecond)
		resp, body = call(t, "GET", url+"/v1/modules/example.com/entities/crm/versions", "")
		assert.Equal(t, 200, resp.StatusCode, body)
	}
}

// TestAnAnswerThatNobodyTakesEnds: a client that stops reading gives the
// connection back.
func TestAnAnswerThatNobodyTakesEnds(t *testing.T) {
	ended := make(chan error, 1)
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 1<<20)
		for {
			if _, err := w.Write(piece); err != nil {
				ended <- err
				return
			}
		}
	})
	web := httptest.NewServer(gateway.Patient(endless, time.Minute, 200*time.Millisecond, time.Now))
	defer web.Close()
	dial(t, web.URL, "/", 0)
	select {
	case err := <-ended:
		require.ErrorContains(t, err, "timeout")
	case <-time.After(10 * time.Second):
		t.Error("the handler writes on for ever")
	}
}
