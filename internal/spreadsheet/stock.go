package spreadsheet

import (
	"io"
	"strconv"

	"holdfast/internal/fault"
)

// StockRow is a row of a file of counted or moved stock: exactly one of OnHand and Delta.
type StockRow struct {
	Number    int
	SKU       string
	OnHand    *int
	Delta     *int
	IfVersion *int64
	// Reason is "" when the row gives none.
	Reason string
	// Refused is why the row is none; the rest of it may be missing then.
	Refused error
}

// StockReader reads such rows.
type StockReader struct{ rows *Reader }

// NewStockReader reads the columns' names: sku, on_hand or delta or both, and, if wanted, if_version and reason. Others are
// left alone. It fails with BAD_REQUEST.
func NewStockReader(in io.Reader) (*StockReader, error) {
	rows, err := NewReader(in)
	if err != nil {
		return nil, err
	}
	if !rows.Has("sku") || !rows.Has("on_hand") && !rows.Has("delta") {
		return nil, fault.New(fault.BadRequest, "the file needs a column sku, and on_hand or delta")
	}
	return &StockReader{rows}, nil
}

// Next reads the next row; io.EOF is the end. An error other than a row's own ends the file.
func (s *StockReader) Next() (StockRow, error) {
	row, err := s.rows.Next()
	if err != nil {
		if fault.Is(err, fault.Invalid) {
			return StockRow{Number: row.Number, Refused: err}, nil
		}
		return StockRow{Number: row.Number}, err
	}
	out := StockRow{Number: row.Number, SKU: row.Cell("sku"), Reason: row.Cell("reason")}
	if out.SKU == "" {
		out.Refused = fault.New(fault.Invalid, "the row names no sku")
		return out, nil
	}
	out.OnHand, out.Refused = whole[int](row, "on_hand", out.Refused)
	out.Delta, out.Refused = whole[int](row, "delta", out.Refused)
	out.IfVersion, out.Refused = whole[int64](row, "if_version", out.Refused)
	if out.Refused == nil && (out.OnHand == nil) == (out.Delta == nil) {
		out.Refused = fault.New(fault.Invalid, "give exactly one of on_hand and delta")
	}
	return out, nil
}

// whole is the whole number in a column, nil for none, unless the row is refused already.
func whole[N int | int64](row Row, column string, refused error) (*N, error) {
	text := row.Cell(column)
	if refused != nil || text == "" {
		return nil, refused
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || int64(N(n)) != n {
		return nil, fault.New(fault.Invalid, "%s has to be a whole number", column)
	}
	out := N(n)
	return &out, nil
}
