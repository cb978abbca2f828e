// Package demo is what a new database is filled with so that there is something to look at: a mini-program, its shops with
// their goods and pictures, and the staff who run them. Every company and product in it is made up.
//
// The goods are in shops/*.json, one file a shop, in the order in which they are listed; prices are in minor units (fen, cents).
// The drawings that their pictures are made of are in art/*.svg.
package demo

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"holdfast/internal/demo/sketch"
)

// Who is who in the demo.
const (
	// AppID is the mini-program's.
	AppID = "wxdemo"
	// Merchant is the e-mail of the owner of every demo shop.
	Merchant = "merchant@demo.test"
	// Clerk is the e-mail of a clerk of the first demo shop alone.
	Clerk = "clerk@demo.test"
	// Operator is the e-mail of the platform's operator.
	Operator = "operator@demo.test"
	// Password is everybody's.
	Password = "holdfast-demo"
	// ImagePath is where image URLs expect Pictures to be served.
	ImagePath = "/images/"
)

const (
	programName    = "拾光市集 Holdfast Market"
	programSubject = "拾光市集（示例）有限公司 Holdfast Market (Demo) Ltd"
	// maxShare bounds what a shop's split rules give to others, in basis points.
	maxShare = 3000
)

//go:embed shops/*.json
var shopFiles embed.FS

//go:embed art/*.svg
var artFiles embed.FS

type shop struct {
	Name       string    `json:"name"`
	Subject    string    `json:"subject"`
	Currency   string    `json:"currency"`
	Receiver   string    `json:"receiver"`
	Ground     string    `json:"ground"` // what its pictures are drawn on
	SplitRules []rule    `json:"split_rules"`
	Products   []product `json:"products"`
}

type rule struct {
	Receiver    string `json:"receiver"`
	Role        string `json:"role"`
	BasisPoints int    `json:"basis_points"`
}

type product struct {
	Handle      string    `json:"handle"` // names its picture
	Title       string    `json:"title"`
	Description []string  `json:"description"` // Chinese, English
	Picture     picture   `json:"picture"`
	Status      string    `json:"status"`  // ACTIVE when absent
	Virtual     bool      `json:"virtual"` // nothing is shipped
	Variants    []variant `json:"variants"`
}

type picture struct {
	Art string `json:"art"`
	sketch.Palette
}

type variant struct {
	SKU   string `json:"sku"`
	Title string `json:"title"`
	Price int64  `json:"price"` // minor units of the shop's currency
	Stock int    `json:"stock"`
	Low   int    `json:"low"` // the stock counts as low from here down
}

// file is the name of the product's picture.
func (p product) file() string { return p.Handle + ".png" }

// load reads the shops in the order of their files.
func load() ([]shop, error) {
	names, err := fs.Glob(shopFiles, "shops/*.json")
	if err != nil {
		return nil, fmt.Errorf("list demo shops: %w", err)
	}
	shops := make([]shop, len(names))
	for i, name := range names {
		text, err := shopFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read demo shop: %w", err)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields() // or a misspelt key would quietly do nothing
		if err := decoder.Decode(&shops[i]); err != nil {
			return nil, fmt.Errorf("read demo shop %s: %w", name, err)
		}
	}
	return shops, nil
}
