package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// options are how the command line is read, and how it explains itself.
func options() []kong.Option {
	own := []kong.Option{kong.Name("server"), kong.ShortUsageOnError(), kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(duration))}
	known, err := kong.New(&commands{}, own...)
	if err != nil {
		return own // and kong.Parse says what is wrong
	}
	return append(own, kong.Description(describe(known.Model)))
}

// beginning is what a stranger reads first. Lines that begin with spaces stay as they are.
//
//nolint:gosec // the password is the word password
const beginning = `Holdfast is a GraphQL backend for mini-program shops. One request prices the goods, holds their stock, makes the orders
and prepares the payment.

To begin with:

  server                    serve http://127.0.0.1:8080 with demo shops; needs nothing
  HOLDFAST_DATABASE=mysql://user:password@host:3306/name server
                            serve a database of your own, without demo
  server staff create --email you@example.com --operator
                            make somebody who can log in there

Environment variables, each of which is also a flag:

`

// describe is the program's help: how to begin, and every variable of its own.
func describe(model *kong.Application) string {
	var text strings.Builder
	text.WriteString(beginning)
	for _, name := range variables(model) {
		if strings.HasPrefix(name, ownPrefix) {
			_, _ = fmt.Fprintf(&text, "  %-24s  %s\n", name, summaryOf(model.Node, name))
		}
	}
	return text.String()
}

// summaryOf is the first sentence of the first flag that a variable sets.
func summaryOf(n *kong.Node, variable string) string {
	for _, flag := range n.Flags {
		if slices.Contains(flag.Envs, variable) {
			first, _, _ := strings.Cut(flag.Help, ". ")
			return strings.TrimSuffix(first, ".")
		}
	}
	for _, child := range n.Children {
		if found := summaryOf(child, variable); found != "" {
			return found
		}
	}
	return ""
}

// duration reads a length of time and says what one looks like.
func duration(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is no duration; give numbers with their units, such as 15m, 90s or 1h30m", text)
	}
	target.SetInt(int64(d))
	return nil
}
