package spreadsheet_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/money"
	"holdfast/internal/spreadsheet"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 891_011_000, time.FixedZone("CST", 8*60*60))
	none, some := (*string)(nil), "易碎"
	for name, tc := range map[string]struct {
		cells []spreadsheet.Cell
		want  string
	}{
		"Chinese":              {[]spreadsheet.Cell{spreadsheet.Text("林小雨"), spreadsheet.TextOr(&some), spreadsheet.TextOr(none)}, "林小雨,易碎,"},
		"numbers":              {[]spreadsheet.Cell{spreadsheet.Number(-5), spreadsheet.Number(int64(1 << 53)), spreadsheet.Text("007")}, "-5,9007199254740992,007"},
		"money":                {[]spreadsheet.Cell{spreadsheet.Amount(money.New(1999, money.CNY)), spreadsheet.Amount(money.New(-5, money.CNY)), spreadsheet.Currency(money.New(0, money.HKD))}, "19.99,-0.05,HKD"},
		"moments":              {[]spreadsheet.Cell{spreadsheet.Time(at), spreadsheet.TimeOr(&at), spreadsheet.TimeOr(nil)}, "2026-03-03T21:06:07.891011Z,2026-03-03T21:06:07.891011Z,"},
		"quotes and commas":    {[]spreadsheet.Cell{spreadsheet.Text(`a "b", c`), spreadsheet.Text("two\nlines"), spreadsheet.Text(" x ")}, "\"a \"\"b\"\", c\",\"two\r\nlines\",\" x \""},
		"formulas":             {[]spreadsheet.Cell{spreadsheet.Text("=1+1"), spreadsheet.Text("+86"), spreadsheet.Text("-1")}, "'=1+1,'+86,'-1"},
		"more formulas":        {[]spreadsheet.Cell{spreadsheet.Text("@SUM(A1)"), spreadsheet.Text("\t=1"), spreadsheet.Text("＝1")}, "'@SUM(A1),'\t=1,'＝1"},
		"a formula after a CR": {[]spreadsheet.Cell{spreadsheet.Text("\r=1"), spreadsheet.Text("\n=1"), spreadsheet.Text("a=1")}, "\"'=1\",\"'\r\n=1\",a=1"},
	} {
		var out bytes.Buffer
		w := spreadsheet.NewWriter(&out, "a", "b", "c")
		if err := errors.Join(w.Row(tc.cells...), w.Flush()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff("\ufeffa,b,c\r\n"+tc.want+"\r\n", out.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if err := w.Row(tc.cells[:2]...); err == nil {
			t.Errorf("%s: a row of two cells for three columns is written", name)
		}
	}
	var out bytes.Buffer
	w := spreadsheet.NewWriter(&out, "a")
	if out.Len() != 0 {
		t.Error("columns are written before anything is known to work")
	}
	if err := w.Flush(); err != nil || out.String() != "\ufeffa\r\n" {
		t.Errorf("no rows: %q, %v", out.String(), err)
	}
	if err := spreadsheet.NewWriter(broken{}, "a").Flush(); err == nil {
		t.Error("what could not be written is not told")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

// What is written is read again as it was.
func TestWriteAndRead(t *testing.T) {
	t.Parallel()
	texts := []string{"=1+1", "'quoted", "-dash", "a,b", `"`, "two\nlines", "茶", "'=x"}
	var out bytes.Buffer
	w := spreadsheet.NewWriter(&out, "Text")
	for _, text := range texts {
		if err := w.Row(spreadsheet.Text(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	r, err := spreadsheet.NewReader(strings.NewReader(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range texts[:len(texts)-1] { // the last is one that no mark tells from another's
		row, err := r.Next()
		if err != nil || row.Cell("text") != want || row.Number != i+2 {
			t.Errorf("row %d is %q (%v), want %q", row.Number, row.Cell("text"), err, want)
		}
	}
}
