package demo

import (
	"bytes"
	"errors"
	"image/png"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

func TestEveryDrawingIsUsed(t *testing.T) {
	used := map[string]bool{}
	for _, s := range shops(t) {
		used["art/ground-"+s.Ground+".svg"] = true
		for _, p := range s.Products {
			used["art/"+p.Picture.Art+".svg"] = true
		}
	}
	names, err := fs.Glob(artFiles, "art/*.svg")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !used[name] {
			t.Errorf("%s is in no picture", name)
		}
	}
}

func TestPicturesHaveNothingElse(t *testing.T) {
	pictures := Pictures()
	for name, want := range map[string]error{
		".": fs.ErrNotExist, "": fs.ErrInvalid, "../fill.go": fs.ErrInvalid, "/longjing.png": fs.ErrInvalid,
		"longjing": fs.ErrNotExist, "LONGJING.png": fs.ErrNotExist, "tin.svg": fs.ErrNotExist,
	} {
		if _, err := pictures.Open(name); !errors.Is(err, want) {
			t.Errorf("Open(%q): %v, want %v", name, err, want)
		}
	}
}

func TestPicturesOverHTTP(t *testing.T) {
	server := httptest.NewServer(http.StripPrefix(ImagePath, http.FileServerFS(Pictures())))
	defer server.Close()
	sizes := map[int]bool{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 { // the first opens race to draw it
		all.Go(func() {
			res, err := http.Get(server.URL + ImagePath + "longjing.png")
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "image/png" {
				t.Errorf("%s %s, %v", res.Status, res.Header.Get("Content-Type"), err)
			}
			if size, err := png.DecodeConfig(bytes.NewReader(body)); err != nil || size.Width != 600 || size.Height != 600 {
				t.Errorf("%d by %d pixels, %v; want 600 by 600", size.Width, size.Height, err)
			}
			mu.Lock()
			defer mu.Unlock()
			sizes[len(body)] = true
		})
	}
	all.Wait()
	if len(sizes) != 1 || sizes[0] {
		t.Errorf("sizes %v, want one", sizes)
	}
	res, err := http.Get(server.URL + ImagePath)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusNotFound || strings.Contains(string(body), ".png") {
		t.Errorf("the folder answers %s", res.Status)
	}
}

func BenchmarkPicture(b *testing.B) {
	for b.Loop() {
		if _, err := fs.ReadFile(Pictures(), "longjing.png"); err != nil {
			b.Fatal(err)
		}
	}
}
