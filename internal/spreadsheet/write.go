// Package spreadsheet writes and reads CSV as spreadsheet programs have it: UTF-8 with a byte order mark, so that Excel reads
// Chinese; RFC 4180; and text that a spreadsheet would take for a formula made harmless. It holds one row at a time.
package spreadsheet

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast/internal/money"
)

// mark is UTF-8's byte order mark.
const mark = "\ufeff"

// formula is what a cell may begin with that a spreadsheet program takes for a formula, or strips to find one: OWASP's list.
const formula = "=+-@\t\r\n＝＋－＠"

// Cell is what one cell says. Cells are made by Text and its like, so that no text goes out as it came in.
type Cell struct{ text string }

// Text is a text that somebody wrote: what looks like a formula begins with an apostrophe.
func Text(s string) Cell {
	if first, _ := utf8.DecodeRuneInString(s); s != "" && strings.ContainsRune(formula, first) {
		return Cell{"'" + s}
	}
	return Cell{s}
}

// TextOr is Text, or an empty cell for none.
func TextOr(s *string) Cell {
	if s == nil {
		return Cell{}
	}
	return Text(*s)
}

// Number is a whole number.
func Number[N int | int64](n N) Cell { return Cell{strconv.FormatInt(int64(n), 10)} }

// minorUnits is how many minor units one major unit has, in every currency that shops sell in.
const minorUnits = 100

// Amount is money in major units with a dot, such as 12.30. Its currency is a cell of its own.
func Amount(m money.Money) Cell {
	sign, n := "", m.Amount
	if n < 0 {
		sign, n = "-", -n
	}
	return Cell{fmt.Sprintf("%s%d.%02d", sign, n/minorUnits, n%minorUnits)}
}

// Currency is the currency of an Amount.
func Currency(m money.Money) Cell { return Cell{string(m.Currency)} }

// Time is a moment: RFC 3339, UTC.
func Time(t time.Time) Cell { return Cell{t.UTC().Format(time.RFC3339Nano)} }

// TimeOr is Time, or an empty cell for none.
func TimeOr(t *time.Time) Cell {
	if t == nil {
		return Cell{}
	}
	return Time(*t)
}

// Writer writes rows.
type Writer struct {
	out    io.Writer
	csv    *csv.Writer
	header []string
	row    []string
	begun  bool
}

// NewWriter is a Writer of rows with these columns. Nothing is written before the first row, or Flush.
func NewWriter(out io.Writer, columns ...string) *Writer {
	w := &Writer{out: out, csv: csv.NewWriter(out), header: columns}
	w.csv.UseCRLF = true
	return w
}

// Row writes a row of one cell a column. It is kept back until enough has come together, or Flush.
func (w *Writer) Row(cells ...Cell) error {
	if len(cells) != len(w.header) {
		return fmt.Errorf("write row: %d cells for %d columns", len(cells), len(w.header))
	}
	if err := w.begin(); err != nil {
		return err
	}
	w.row = w.row[:0]
	for _, c := range cells {
		w.row = append(w.row, c.text)
	}
	return w.csv.Write(w.row)
}

// Flush writes what was kept back, and the columns' names if there was no row.
func (w *Writer) Flush() error {
	if err := w.begin(); err != nil {
		return err
	}
	w.csv.Flush()
	return w.csv.Error()
}

func (w *Writer) begin() error {
	if w.begun {
		return nil
	}
	w.begun = true
	if _, err := io.WriteString(w.out, mark); err != nil {
		return err
	}
	return w.csv.Write(w.header)
}
