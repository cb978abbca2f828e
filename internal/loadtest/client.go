package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"holdfast/internal/demo"
)

// conn is one client with one keep-alive connection, for one goroutine. It writes to the socket itself: net/http's client
// passes every request through two more goroutines, and the machine is shared with what is measured.
type conn struct {
	addr string
	raw  net.Conn
	r    *bufio.Reader
}

const callTimeout = 30 * time.Second

// requestError is a top-level error of an answer, or an HTTP status without one.
type requestError struct{ code, message string }

func (e *requestError) Error() string { return e.code + ": " + e.message }

type answer[T any] struct {
	Data   T `json:"data"`
	Errors []struct {
		Message    string `json:"message"`
		Extensions struct {
			Code string `json:"code"`
		} `json:"extensions"`
	} `json:"errors"`
}

// call sends one operation. When the error is no *requestError nobody knows what the server did.
func call[T any](ctx context.Context, c *conn, token, query string, variables any) (T, error) {
	var got answer[T]
	text, err := operation(query, variables)
	if err != nil {
		return got.Data, err
	}
	status, body, err := c.do(ctx, http.MethodPost, "/graphql", token, text)
	if err != nil {
		return got.Data, err
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return got.Data, &requestError{fmt.Sprint("HTTP ", status), string(body[:min(len(body), 200)])}
	}
	if len(got.Errors) > 0 {
		return got.Data, &requestError{got.Errors[0].Extensions.Code, got.Errors[0].Message}
	}
	return got.Data, nil
}

// operation is the body of a request.
func operation(query string, variables any) ([]byte, error) {
	return json.Marshal(map[string]any{"query": query, "variables": variables})
}

// do sends one request and reads its answer. After an error the next connects again.
func (c *conn) do(ctx context.Context, method, path, token string, body []byte) (status int, answer []byte, err error) {
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.raw == nil {
		if c.raw, err = (&net.Dialer{}).DialContext(ctx, "tcp", c.addr); err != nil {
			c.raw = nil
			return 0, nil, err
		}
		c.r = bufio.NewReader(c.raw)
	}
	if err := c.raw.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.addr+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/graphql-response+json, application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if err := req.Write(c.raw); err != nil {
		return 0, nil, err
	}
	resp, err := http.ReadResponse(c.r, req)
	if err != nil {
		return 0, nil, err
	}
	answer, err = io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err == nil && resp.Close {
		c.close()
	}
	return resp.StatusCode, answer, err
}

func (c *conn) close() {
	if c.raw != nil {
		_ = c.raw.Close()
		c.raw = nil
	}
}

type userErrors []struct{ Code, Message string }

// refused is an error when there is a refusal where none was expected.
func (u userErrors) refused() error {
	if len(u) == 0 {
		return nil
	}
	return fmt.Errorf("refused: %s: %s", u[0].Code, u[0].Message)
}

func login(ctx context.Context, c *conn, input map[string]any) (token string, err error) {
	got, err := call[struct {
		SessionCreate struct {
			Session    struct{ AccessToken string }
			UserErrors userErrors
		}
	}](ctx, c, "", `mutation($input: SessionCreateInput!) {
		sessionCreate(input: $input) { session { accessToken } userErrors { code message } }
	}`, map[string]any{"input": input})
	if err == nil {
		err = got.SessionCreate.UserErrors.refused()
	}
	if err != nil {
		return "", fmt.Errorf("log in: %w", err)
	}
	return got.SessionCreate.Session.AccessToken, nil
}

func loginMerchant(ctx context.Context, c *conn) (string, error) {
	return login(ctx, c, map[string]any{"staff": map[string]any{"email": demo.Merchant, "password": demo.Password}})
}

func loginBuyer(ctx context.Context, c *conn, name string) (string, error) {
	return login(ctx, c, map[string]any{"weChat": map[string]any{"appId": demo.AppID, "code": "demo-" + name}})
}
