package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"holdfast/internal/typeid"
)

// pageQuery is what a mini-program's page of goods asks for.
const pageQuery = `query($shop: ID!, $after: String) { shop(id: $shop) { name products(first: 20, after: $after) {
	nodes { id title imageUrls variants { id sku title price { amount currency } stock { available isLow version } } }
	pageInfo { hasNextPage } } } }`

// byHandPage is what the rows of the handler are called that is written by hand.
const byHandPage = "net/http by hand"

// The same JSON, written by hand.
type (
	pageAnswer struct {
		Data pageData `json:"data"`
	}
	pageData struct {
		Shop *pageShop `json:"shop"`
	}
	pageShop struct {
		Name     string       `json:"name"`
		Products pageProducts `json:"products"`
	}
	pageProducts struct {
		Nodes    []*pageProduct `json:"nodes"`
		PageInfo pageInfo       `json:"pageInfo"`
	}
	pageInfo struct {
		HasNextPage bool `json:"hasNextPage"`
	}
	pageProduct struct {
		ID        typeid.Product  `json:"id"`
		Title     string          `json:"title"`
		ImageURLs json.RawMessage `json:"imageUrls"`
		Variants  []*pageVariant  `json:"variants"`
	}
	pageVariant struct {
		ID    typeid.Variant `json:"id"`
		SKU   string         `json:"sku"`
		Title string         `json:"title"`
		Price pagePrice      `json:"price"`
		Stock pageStock      `json:"stock"`
	}
	pagePrice struct {
		Amount   int64  `json:"amount"`
		Currency string `json:"currency"`
	}
	pageStock struct {
		Available int   `json:"available"`
		IsLow     bool  `json:"isLow"`
		Version   int64 `json:"version"`
	}
)

// rowsOf calls scan for each row.
func (p *pages) rowsOf(ctx context.Context, query string, args []any, scan func(func(...any) error) error) error {
	rows, err := p.pool.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// read is one statement a level: the shop, its products, their variants, and the stock.
func (p *pages) read(ctx context.Context) (*pageShop, error) {
	shop := &pageShop{Products: pageProducts{Nodes: []*pageProduct{}}}
	if err := p.pool.QueryRowContext(ctx, "SELECT name FROM shops WHERE id = ?", p.shop).Scan(&shop.Name); err != nil {
		return nil, err
	}
	all := &shop.Products
	var ids []any
	products := make(map[typeid.Product]*pageProduct, pageOf)
	err := p.rowsOf(ctx, "SELECT id, title, image_urls FROM products WHERE shop_id = ? AND status = 'ACTIVE' AND id > ? ORDER BY id LIMIT ?",
		[]any{p.shop, p.after, pageOf + 1}, func(scan func(...any) error) error {
			if len(all.Nodes) == pageOf {
				all.PageInfo.HasNextPage = true
				return nil
			}
			one := &pageProduct{Variants: []*pageVariant{}}
			var images []byte
			if err := scan(&one.ID, &one.Title, &images); err != nil {
				return err
			}
			one.ImageURLs = images
			all.Nodes = append(all.Nodes, one)
			products[one.ID] = one
			ids = append(ids, one.ID)
			return nil
		})
	if err != nil || len(ids) == 0 {
		return shop, err
	}
	var variants []any
	shown := make(map[typeid.Variant]*pageVariant, pageOf*variantsShown)
	err = p.rowsOf(ctx, "SELECT id, product_id, sku, title, price, currency FROM product_variants WHERE status <> 'ARCHIVED' AND product_id IN ("+
		times("?", len(ids))+") ORDER BY product_id, position", ids, func(scan func(...any) error) error {
		v := &pageVariant{}
		var of typeid.Product
		if err := scan(&v.ID, &of, &v.SKU, &v.Title, &v.Price.Amount, &v.Price.Currency); err != nil {
			return err
		}
		products[of].Variants = append(products[of].Variants, v)
		shown[v.ID] = v
		variants = append(variants, v.ID)
		return nil
	})
	if err != nil || len(variants) == 0 {
		return shop, err
	}
	return shop, p.rowsOf(ctx, "SELECT variant_id, on_hand, held, low_stock_threshold, version FROM stocks WHERE variant_id IN ("+
		times("?", len(variants))+")", variants, func(scan func(...any) error) error {
		var id typeid.Variant
		var onHand, held, low int
		var version int64
		if err := scan(&id, &onHand, &held, &low, &version); err != nil {
			return err
		}
		shown[id].Stock = pageStock{onHand - held, onHand-held <= low, version}
		return nil
	})
}

// ServeHTTP implements http.Handler.
func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	shop, err := p.read(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	text, err := json.Marshal(pageAnswer{pageData{shop}})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text)
}

// samePage proves that both serve the same data. What Holdfast says beside it, in extensions, is its own.
func samePage(ctx context.Context, addr string, r request, byHand string) error {
	ours, theirs := conn{addr: addr}, conn{addr: byHand}
	defer ours.close()
	defer theirs.close()
	var pages [2]struct{ Data any }
	for i, get := range []func() (int, []byte, error){
		func() (int, []byte, error) { return ours.do(ctx, r.method, r.path, "", r.body) },
		func() (int, []byte, error) { return theirs.do(ctx, http.MethodGet, pagePath, "", nil) },
	} {
		status, text, err := get()
		if err == nil {
			err = json.Unmarshal(text, &pages[i])
		}
		if err != nil || status != http.StatusOK {
			return errors.Join(fmt.Errorf("read the page: HTTP %d: %.200s", status, text), err)
		}
	}
	if pages[0].Data == nil || !reflect.DeepEqual(pages[0], pages[1]) {
		return fmt.Errorf("the pages differ: %.500v and %.500v", pages[0], pages[1])
	}
	return nil
}
