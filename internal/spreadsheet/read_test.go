package spreadsheet_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/fault"
	"holdfast/internal/spreadsheet"
)

// lines says what the rows of a stock file say.
func lines(t *testing.T, file string) (out []string, err error) {
	t.Helper()
	r, err := spreadsheet.NewStockReader(strings.NewReader(file))
	if err != nil {
		return nil, err
	}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		text := fmt.Sprintf("%d %s", row.Number, row.SKU)
		for name, n := range map[string]*int{"=": row.OnHand, "±": row.Delta} {
			if n != nil {
				text += fmt.Sprintf(" %s%d", name, *n)
			}
		}
		if row.IfVersion != nil {
			text += fmt.Sprintf(" v%d", *row.IfVersion)
		}
		if row.Reason != "" {
			text += " " + row.Reason
		}
		if row.Refused != nil {
			text = fmt.Sprintf("%d refused: %v", row.Number, row.Refused)
		}
		out = append(out, text)
	}
}

func TestStockReader(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file string
		want []string
	}{
		"plain":                    {"sku,on_hand\na,1\nb,0", []string{"2 a =1", "3 b =0"}},
		"a mark, CRLF and Chinese": {"\ufeffsku,delta,reason\r\n茶,-3,盘点\r\n", []string{"2 茶 ±-3 盘点"}},
		"other order, other case":  {"Reason,On Hand,title,SKU,ifVersion\nx,5,Tea,a,7\n", []string{"2 a =5 v7 x"}},
		"either":                   {"sku,on_hand,delta\na,1,\nb,,2\nc,1,2\nd,,\n", []string{"2 a =1", "3 b ±2", "4 refused: give exactly one of on_hand and delta", "5 refused: give exactly one of on_hand and delta"}},
		"quoted":                   {"sku,delta,reason\n\"a,b\",+1,\"two\nlines \"\"x\"\"\"\nc,2,\n", []string{"2 a,b ±1 two\nlines \"x\"", "3 c ±2"}},
		"blanks":                   {"sku,delta\n a , 1 \n,\n\nb,2\n\n\n", []string{"2 a ±1", "5 b ±2"}},
		"empty lines in a cell":    {"sku,delta,reason\na,1,\"x\n\ny\"\n\nb,2,\n", []string{"2 a ±1 x\n\ny", "4 b ±2"}},
		"no numbers":               {"sku,delta,if_version\na,x,\nb,1.5,\nc,99999999999999999999,\nd,1,v\n", []string{"2 refused: delta has to be a whole number", "3 refused: delta has to be a whole number", "4 refused: delta has to be a whole number", "5 refused: if_version has to be a whole number"}},
		"no sku":                   {"sku,delta\n,1\n", []string{"2 refused: the row names no sku"}},
		"short and long rows":      {"sku,delta,reason\na,1\nb\nc,1,x,y\nd,2,\n", []string{"2 a ±1", "3 refused: give exactly one of on_hand and delta", "4 refused: the row has more cells than there are columns", "5 d ±2"}},
		"a quotation mark":         {"sku,delta\na\"b,1\n\"c\"d,1\ne,2\n", []string{"2 refused: a quotation mark is out of place", "3 refused: a quotation mark is out of place", "4 e ±2"}},
		"not UTF-8":                {"sku,delta\n\xb2\xe8,1\nb,2\n", []string{"2 refused: the row is not UTF-8; save the file as CSV UTF-8", "3 b ±2"}},
		"a guarded sku":            {"sku,delta\n'-a,1\n'b,1\n", []string{"2 -a ±1", "3 'b ±1"}},
		"no rows":                  {"sku,delta", nil},
		"the end is missing":       {"sku,delta\na,1\n\"b,1\n", []string{"2 a ±1", "3 refused: a quotation mark is out of place"}},
	} {
		got, err := lines(t, tc.file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	for name, file := range map[string]string{
		"empty":           "",
		"a mark":          "\ufeff",
		"no sku":          "delta\n1\n",
		"no number":       "sku,reason\na,b\n",
		"a column twice":  "sku,delta,SKU\na,1,b\n",
		"a broken header": "sku,\"delta\na,1\n",
		"not UTF-8":       "\xb2\xe8,sku,delta\n",
		"a long header":   "sku,delta," + strings.Repeat("x", spreadsheet.MaxRow+8192) + "\n",
		"a long row":      "sku,delta\na,1\nb,\"" + strings.Repeat("x\n", spreadsheet.MaxRow/2+8192) + "\n",
		"empty lines":     "sku,delta\n" + strings.Repeat("\n", spreadsheet.MaxRow+8192) + "a,1\n",
	} {
		if got, err := lines(t, file); !fault.Is(err, fault.BadRequest) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := spreadsheet.NewStockReader(failing{}); err == nil || fault.List(err) != nil {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("gone") }

// endless is a row that never ends.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '"'
		if e.read > 0 {
			p[i] = 'x'
		}
		e.read++
	}
	return len(p), nil
}

func TestEndlessRow(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	in := &endless{}
	_, err := spreadsheet.NewReader(in)
	runtime.ReadMemStats(&after)
	if !fault.Is(err, fault.BadRequest) || in.read > 2*spreadsheet.MaxRow {
		t.Errorf("%d bytes read of an endless row: %v", in.read, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 32*spreadsheet.MaxRow {
		t.Errorf("%d bytes taken to read it", used)
	}
}
