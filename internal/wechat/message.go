package wechat

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Message is a subscribe message.
type Message struct {
	AppID      string
	OpenID     string // of this mini-program
	TemplateID string
	// Page is opened by a tap: a path in the mini-program without a leading slash, with a query if need be; empty opens none.
	Page string
	// Version of the mini-program is formal (or empty), trial or developer.
	Version string
	// Values are the template's, by keyword: thing1, amount2. A thing is cut to 20 characters; no other kind can be cut without changing
	// what it says, so that one which is too long is BadArgument.
	Values map[string]string
}

// Send sends a subscribe message. With an error nobody knows whether it was sent, unless the error is ErrNotAsked.
func (c *Client) Send(ctx context.Context, m Message) (Result, error) {
	type value struct {
		Value string `json:"value"`
	}
	body := struct {
		To       string           `json:"touser"`
		Template string           `json:"template_id"`
		Page     string           `json:"page,omitempty"`
		Version  string           `json:"miniprogram_state,omitempty"`
		Data     map[string]value `json:"data"`
	}{m.OpenID, m.TemplateID, m.Page, m.Version, map[string]value{}}
	for _, key := range slices.Sorted(maps.Keys(m.Values)) {
		fitting, bad := fit(key, m.Values[key])
		if bad != "" {
			return wrong(key, bad), nil
		}
		body.Data[key] = value{fitting}
	}
	answer, err := c.post(ctx, m.AppID, "/cgi-bin/message/subscribe/send", body, nil)
	if err != nil {
		return Result{}, fmt.Errorf("send a subscribe message of template %s: %w", m.TemplateID, err)
	}
	out := answered(answer, map[int]State{
		40003: BadRecipient, 40037: BadTemplate, 41030: BadPage, 43101: Declined, 47003: BadArgument,
	})
	if out.State == BadArgument {
		out.Field = keywordIn(out.Reason)
	}
	return out, nil
}
