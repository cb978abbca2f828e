package spreadsheet

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"holdfast/internal/fault"
)

// MaxRow is how many bytes one row may have, and a run of empty lines.
const MaxRow = 1 << 20

// Row is one row of a file.
type Row struct {
	// Number is the row's number as a person counts it in a spreadsheet: the columns' names are row 1.
	Number int

	cells   []string
	columns map[string]int
}

// Cell is what the row says in this column, without blanks around it and without the apostrophe that keeps a formula from
// being one; "" when there is no such column.
func (r Row) Cell(column string) string {
	at, ok := r.columns[plain(column)]
	if !ok || at >= len(r.cells) {
		return ""
	}
	text := strings.TrimSpace(r.cells[at])
	if rest, ok := strings.CutPrefix(text, "'"); ok {
		if first, _ := utf8.DecodeRuneInString(rest); rest != "" && strings.ContainsRune(formula, first) {
			return rest
		}
	}
	return text
}

// Reader reads rows.
type Reader struct {
	csv     *csv.Reader
	limit   *limited
	columns map[string]int
	width   int
	number  int // of the last row
	line    int // the one on which it ended
}

// NewReader reads the columns' names, in whatever order and case; blanks, - and _ in them do not count. It fails with
// BAD_REQUEST.
func NewReader(in io.Reader) (*Reader, error) {
	limit := &limited{in: in, left: MaxRow}
	buffered := bufio.NewReader(limit)
	if start, err := buffered.Peek(len(mark)); err == nil && string(start) == mark {
		_, _ = buffered.Discard(len(mark)) // it was peeked at
	}
	r := &Reader{csv: csv.NewReader(buffered), limit: limit, columns: make(map[string]int)}
	r.csv.FieldsPerRecord, r.csv.ReuseRecord = -1, true
	names, err := r.csv.Read()
	_, malformed := errors.AsType[*csv.ParseError](err)
	switch {
	case errors.Is(err, errLongRow):
		return nil, longRow(1)
	case malformed || errors.Is(err, io.EOF):
		return nil, fault.New(fault.BadRequest, "the file's first row has to name its columns")
	case err != nil:
		return nil, err
	}
	for i, name := range names {
		if !utf8.ValidString(name) {
			return nil, fault.New(fault.BadRequest, "the file is not UTF-8; save it as CSV UTF-8")
		}
		if name = plain(name); name == "" {
			continue
		}
		if _, ok := r.columns[name]; ok {
			return nil, fault.New(fault.BadRequest, "two columns of the file have the same name")
		}
		r.columns[name] = i
	}
	r.width, r.number, r.line = len(names), 1, r.end(names)
	return r, nil
}

// plain is the name of a column as it is compared.
func plain(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "", "\t", "", "\ufeff", "").Replace(name))
}

// Has tells whether the file has the column.
func (r *Reader) Has(column string) bool {
	_, ok := r.columns[plain(column)]
	return ok
}

// Next reads the next row; io.EOF is the end. A row that cannot be read as one is refused with INVALID, and reading goes on
// behind it. Other refusals, and other errors, end the file. The row is good until the next is read.
func (r *Reader) Next() (Row, error) {
	for {
		row, err := r.read()
		if err == nil && row.blank() {
			continue // what spreadsheet programs leave behind: ,,,
		}
		return row, err
	}
}

func (r *Reader) read() (Row, error) {
	r.limit.left = MaxRow
	cells, err := r.csv.Read()
	row := Row{Number: r.number + 1, cells: cells, columns: r.columns}
	broken, malformed := errors.AsType[*csv.ParseError](err)
	switch {
	case errors.Is(err, errLongRow):
		return row, longRow(row.Number)
	case malformed:
		row.Number = r.number + max(broken.StartLine-r.line, 1)
		r.number, r.line = row.Number, broken.Line
		return row, fault.New(fault.Invalid, "a quotation mark is out of place")
	case err != nil:
		return row, err
	}
	first, _ := r.csv.FieldPos(0)
	row.Number = r.number + max(first-r.line, 1)
	r.number, r.line = row.Number, r.end(cells)
	if len(cells) > r.width {
		return row, fault.New(fault.Invalid, "the row has more cells than there are columns")
	}
	for _, c := range cells {
		if !utf8.ValidString(c) {
			return row, fault.New(fault.Invalid, "the row is not UTF-8; save the file as CSV UTF-8")
		}
	}
	return row, nil
}

// end is the line on which the row that was read last ends: a cell in quotation marks may have several.
func (r *Reader) end(cells []string) int {
	last := len(cells) - 1
	line, _ := r.csv.FieldPos(last)
	return line + strings.Count(cells[last], "\n")
}

func (r Row) blank() bool {
	for _, c := range r.cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return true
}

func longRow(number int) error {
	return fault.New(fault.BadRequest, "row %d has more than %d bytes; is a quotation mark missing?", number, MaxRow)
}

var errLongRow = errors.New("the row is too long")

// limited ends reading when one row goes on for too long, before it fills the memory.
type limited struct {
	in   io.Reader
	left int
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLongRow
	}
	n, err := l.in.Read(p)
	l.left -= n
	return n, err
}
