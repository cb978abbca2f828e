package main

import (
	"context"
	"errors"
	"fmt"
)

// findShops are a shop whose orders are divided in two, as the SQL beside it does, and another.
func findShops(ctx context.Context, c *conn, token string) (shop, other string, err error) {
	got, err := call[struct {
		Viewer struct {
			Shops struct {
				Nodes []struct {
					ID, Currency string
					SplitRules   []struct{ Receiver string }
				}
			}
		}
	}](ctx, c, token, `{ viewer { ... on Staff { shops(first: 20) { nodes { id currency splitRules { receiver } } } } } }`, nil)
	if err != nil {
		return "", "", fmt.Errorf("read shops: %w", err)
	}
	for _, s := range got.Viewer.Shops.Nodes {
		switch {
		case s.Currency != "CNY":
		case shop == "" && len(s.SplitRules) == 1:
			shop = s.ID
		default:
			other = s.ID
		}
	}
	if shop == "" || other == "" {
		return "", "", errors.New("of the demo shops that sell in CNY none has one split rule, or there is no other")
	}
	return shop, other, nil
}

// createProduct makes a product of n variants, so many of each, and returns the variants' ids.
func createProduct(ctx context.Context, c *conn, token, shop, name string, n, onHand int) ([]string, error) {
	type object = map[string]any
	variants := make([]object, n)
	for i := range variants {
		sku := fmt.Sprintf("%s-%d", name, i+1)
		variants[i] = object{"sku": sku, "title": sku, "price": object{"amount": price, "currency": "CNY"}, "onHand": onHand}
	}
	got, err := call[struct {
		ProductCreate struct {
			Product    struct{ Variants []struct{ ID string } }
			UserErrors userErrors
		}
	}](ctx, c, token, `mutation($input: ProductCreateInput!) {
		productCreate(input: $input) { product { variants { id } } userErrors { code message } }
	}`, object{"input": object{
		"shopId": shop, "title": "Load test " + name, "status": "ACTIVE", "requiresShipping": true,
		"imageUrls": []string{imageURL}, "variants": variants,
	}})
	if err == nil {
		err = got.ProductCreate.UserErrors.refused()
	}
	if err != nil {
		return nil, fmt.Errorf("create product: %w", err)
	}
	var ids []string
	for _, v := range got.ProductCreate.Product.Variants {
		ids = append(ids, v.ID)
	}
	return ids, nil
}

// lastProduct is the last of a shop's products, and the cursor after which the next one will stand.
func lastProduct(ctx context.Context, c *conn, token, shop string) (id, cursor string, err error) {
	got, err := call[struct {
		Node struct {
			Products struct {
				Nodes    []struct{ ID string }
				PageInfo struct {
					HasNextPage bool
					EndCursor   string
				}
			}
		}
	}](ctx, c, token, `query($id: ID!) { node(id: $id) { ... on Shop { products(first: 100) { nodes { id } pageInfo { hasNextPage endCursor } } } } }`,
		map[string]any{"id": shop})
	if err != nil {
		return "", "", fmt.Errorf("read products: %w", err)
	}
	all := got.Node.Products
	if len(all.Nodes) == 0 || all.PageInfo.HasNextPage {
		return "", "", fmt.Errorf("the demo shop has %d products, or more", len(all.Nodes))
	}
	return all.Nodes[len(all.Nodes)-1].ID, all.PageInfo.EndCursor, nil
}
