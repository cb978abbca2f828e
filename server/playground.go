package main

import (
	"holdfast/internal/demo"
	"holdfast/internal/web/playground"
)

// newPlayground makes the pages to explore the API with. In demo mode they offer those whom greet names.
func newPlayground(c *serveCommand) (*playground.Handler, error) {
	config := playground.Config{Demo: c.demo()}
	if config.Demo {
		buyer := func(key, name, code string) playground.Person {
			return playground.Person{Key: key, Name: name, Login: map[string]any{"weChat": map[string]string{"appId": demo.AppID, "code": code}}}
		}
		staff := func(key, name, email string) playground.Person {
			return playground.Person{Key: key, Name: name, Login: map[string]any{"staff": map[string]string{"email": email, "password": demo.Password}}}
		}
		config.People = []playground.Person{
			buyer("buyer", "Buyer Lin", "demo-lin"), buyer("other", "Buyer Mei", "demo-mei"),
			staff("owner", "Owner", demo.Merchant), staff("operator", "Operator", demo.Operator),
		}
	}
	return playground.New(config)
}
