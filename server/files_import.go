package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/idempotency"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/spreadsheet"
	"holdfast/internal/typeid"
)

const (
	// maxImport is how many bytes a file may have: far more than 100,000 rows take.
	maxImport = 64 << 20
	// uploadTimeout is how long a file may take to arrive.
	uploadTimeout = 15 * time.Minute
	// importReason is what the history says of rows that give no reason.
	importReason = "CSV import"
)

// importStock is POST /files/stock.csv?shop=ID with a CSV file of counted or moved stock, for the shop's staff. The answer is a
// CSV file too: what became of each row, and at its end a row that counts them. Rows are carried out 200 at a time, each chunk
// under a key made of the header Idempotency-Key and its place in the file, so that the same file sent again goes on where it
// was cut off and does nothing twice.
func (f *files) importStock(out *stream, r *http.Request) error {
	who, shop, err := f.shop(r)
	if err != nil {
		return err
	}
	if !who.WorksFor(shop) {
		return fault.New(fault.Forbidden, "only staff of a shop may do this")
	}
	key := r.Header.Get("Idempotency-Key")
	if idempotency.CheckKey(key) != nil {
		return fault.New(fault.BadRequest, "the header Idempotency-Key must be 1 to %d visible ASCII characters", idempotency.MaxKey)
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return fault.New(fault.BadRequest, "send the file itself as the body, as text/csv")
	}
	file, err := f.received(out, r)
	if err != nil {
		return err
	}
	defer f.discard(r.Context(), file)
	rows, err := spreadsheet.NewStockReader(file)
	if err != nil {
		return err
	}
	out.name = "stock-report.csv"
	i := &stockImport{
		files: f, who: who, shop: shop, key: hashed(key), language: r.Header.Get("Accept-Language"), out: out,
		sheet: spreadsheet.NewWriter(out, "row", "sku", "result", "message", "on_hand", "available", "version"),
	}
	return i.run(r.Context(), rows)
}

// received is the body in a file of its own. It is read to its end before anything is done or answered: browsers send all of a
// request before they read what comes back, and a file that arrives in part changes nothing.
func (f *files) received(out *stream, r *http.Request) (*os.File, error) {
	file, err := os.CreateTemp("", "holdfast-stock-*.csv")
	if err != nil {
		return nil, fmt.Errorf("keep what is sent: %w", err)
	}
	body := slowly{in: http.MaxBytesReader(out.w, r.Body, maxImport), control: out.control, now: out.now, end: out.now().Add(uploadTimeout)}
	_, err = io.Copy(file, body)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		err = fault.New(fault.TooMany, "a file has at most %d MiB", maxImport>>20)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	// What is answered first is answered in time, however long the file took to arrive.
	if late := out.control.SetWriteDeadline(out.now().Add(flowTimeout)); late != nil && !errors.Is(late, http.ErrNotSupported) {
		err = errors.Join(err, late)
	}
	if err != nil {
		f.discard(r.Context(), file)
		if fault.List(err) == nil {
			out.gone = true // what else keeps a body from arriving
		}
		return nil, err
	}
	return file, nil
}

func (f *files) discard(ctx context.Context, file *os.File) {
	if err := errors.Join(file.Close(), os.Remove(file.Name())); err != nil {
		f.log.WarnContext(ctx, "remove what was sent", "error", err)
	}
}

// hashed is a key of fixed length, to which the chunk's number is added.
func hashed(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// stockImport is one file on its way in.
type stockImport struct {
	*files
	who      identity.Principal
	shop     typeid.Shop
	key      string
	language string
	out      *stream
	sheet    *spreadsheet.Writer

	chunk         int
	done, refused int
}

// result is what became of a row.
type result struct {
	spreadsheet.StockRow
	variant typeid.Variant
	stock   *inventory.Stock
}

func (i *stockImport) run(ctx context.Context, rows *spreadsheet.StockReader) error {
	for {
		chunk, last, err := next(rows)
		if err == nil {
			err = i.carryOut(ctx, chunk)
		}
		if err == nil {
			err = i.report(chunk)
		}
		if err != nil {
			return err
		}
		i.chunk++
		if last != nil {
			return i.end(last)
		}
	}
}

// next reads a chunk of rows, and why there is none behind it: io.EOF, or what is wrong with the rest of the file.
func next(rows *spreadsheet.StockReader) (chunk []*result, last, err error) {
	for len(chunk) < inventory.MaxBulk {
		row, err := rows.Next()
		switch {
		case errors.Is(err, io.EOF) || fault.List(err) != nil:
			return chunk, err, nil
		case err != nil:
			return nil, nil, err
		}
		chunk = append(chunk, &result{StockRow: row})
	}
	return chunk, nil, nil
}

// carryOut adjusts what a chunk names.
func (i *stockImport) carryOut(ctx context.Context, chunk []*result) error {
	var skus []string
	for _, r := range chunk {
		if r.Refused == nil {
			skus = append(skus, r.SKU)
		}
	}
	if len(skus) == 0 {
		return nil
	}
	together := groups(chunk) // by what the file says alone: the same file has the same groups, whatever is found of it
	found, err := i.variants(ctx, i.shop, skus)
	if err != nil {
		return fmt.Errorf("find the skus of a file: %w", err)
	}
	for _, r := range chunk {
		if r.Refused != nil {
			continue
		}
		var ok bool
		if r.variant, ok = found[r.SKU]; !ok {
			r.Refused = fault.New(fault.NotFound, "there is no such variant")
		}
	}
	for n, group := range together {
		if err := i.adjust(ctx, fmt.Sprintf("%s/%d/%d", i.key, i.chunk, n), group); err != nil {
			return err
		}
	}
	return nil
}

// groups are the rows of a chunk that can be adjusted together: those that give the same reason, no variant twice. The rows
// of one variant keep their order.
func groups(chunk []*result) [][]*result {
	type together struct {
		turn   int
		reason string
	}
	var out [][]*result
	at, turns := make(map[together]int), make(map[string]int)
	deepest := 0
	for _, r := range chunk {
		if r.Refused == nil {
			turns[r.SKU]++
			deepest = max(deepest, turns[r.SKU])
		}
	}
	for turn := 1; turn <= deepest; turn++ {
		clear(turns)
		for _, r := range chunk {
			if r.Refused != nil {
				continue
			}
			if turns[r.SKU]++; turns[r.SKU] != turn {
				continue
			}
			k := together{turn, r.Reason}
			if _, ok := at[k]; !ok {
				at[k] = len(out)
				out = append(out, nil)
			}
			out[at[k]] = append(out[at[k]], r)
		}
	}
	return out
}

// adjust carries a group out and gives each of its rows the verdict.
func (i *stockImport) adjust(ctx context.Context, key string, group []*result) error {
	in := inventory.BulkInput{IdempotencyKey: key, Reason: group[0].Reason}
	if in.Reason == "" {
		in.Reason = importReason
	}
	group = slices.DeleteFunc(slices.Clone(group), func(r *result) bool { return r.Refused != nil }) // not found
	if len(group) == 0 {
		return nil
	}
	for _, r := range group {
		in.Lines = append(in.Lines, inventory.BulkLine{VariantID: r.variant.String(), OnHand: r.OnHand, Delta: r.Delta, IfVersion: r.IfVersion})
	}
	verdicts, err := i.stock.AdjustMany(ctx, i.who, in)
	if err != nil && fault.List(err) == nil {
		return err
	}
	for n, r := range group {
		switch {
		case err != nil: // such as a reason that is too long
			r.Refused = err
		case verdicts[n].Err != nil:
			r.Refused = verdicts[n].Err
		default:
			r.stock = verdicts[n].Stock
		}
	}
	return nil
}

// report says what became of a chunk.
func (i *stockImport) report(chunk []*result) error {
	for _, r := range chunk {
		row := spreadsheet.Number(r.Number)
		var err error
		switch {
		case r.Refused != nil:
			i.refused++
			err = i.refusal(row, r.SKU, r.Refused)
		case r.stock == nil:
			err = fmt.Errorf("row %d has no verdict", r.Number)
		default:
			i.done++
			err = i.sheet.Row(row, spreadsheet.Text(r.SKU), spreadsheet.Text("OK"), spreadsheet.Text(""),
				spreadsheet.Number(r.stock.OnHand), spreadsheet.Number(r.stock.Available()), spreadsheet.Number(r.stock.Version))
		}
		if err != nil {
			return err
		}
	}
	if err := i.sheet.Flush(); err != nil {
		return err
	}
	return i.out.flush()
}

func (i *stockImport) refusal(row spreadsheet.Cell, sku string, refused error) error {
	list := fault.List(refused)
	if len(list) == 0 {
		return refused
	}
	e, none := list[0].Refused(), spreadsheet.Text("")
	return i.sheet.Row(row, spreadsheet.Text(sku), spreadsheet.Text(string(e.Code)), spreadsheet.Text(i.say(i.language, e)), none, none, none)
}

// end writes the row that counts the others. A file whose rest cannot be read ends with why, and is not DONE.
func (i *stockImport) end(last error) error {
	all, none := spreadsheet.Text("all"), spreadsheet.Text("")
	if !errors.Is(last, io.EOF) {
		if err := i.refusal(all, "", last); err != nil {
			return err
		}
		return i.sheet.Flush()
	}
	count := strconv.Itoa(i.done) + " OK, " + strconv.Itoa(i.refused) + " refused"
	if err := i.sheet.Row(all, none, spreadsheet.Text("DONE"), spreadsheet.Text(count), none, none, none); err != nil {
		return err
	}
	return i.sheet.Flush()
}
