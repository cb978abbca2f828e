package demo

import (
	"bytes"
	"fmt"
	"image/png"
	"io/fs"
	"sync"
	"time"

	"holdfast/internal/demo/sketch"
)

// pictureSize is the width and height of every picture, in pixels.
const pictureSize = 600

// Pictures are the products' pictures, as flat PNG files: what image_urls names below ImagePath. Each is drawn when it is first opened
// and then kept. PNG, because mini-programs show SVG in some places only. Safe for concurrent use.
func Pictures() fs.FS { return picturesOf(pictureSize) }

func picturesOf(size int) fs.FS {
	return pictures{sync.OnceValues(func() (map[string]drawer, error) { return sketchAll(size) })}
}

type pictures struct {
	all func() (map[string]drawer, error)
}

// drawer gives one picture's file.
type drawer func() ([]byte, error)

// Open implements fs.FS. There are no folders, hence no listing either.
func (p pictures) Open(name string) (fs.File, error) {
	fail := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	all, err := p.all()
	if err != nil {
		return fail(err)
	}
	draw, ok := all[name]
	if !ok {
		return fail(fs.ErrNotExist)
	}
	content, err := draw()
	if err != nil {
		return fail(err)
	}
	return file{bytes.NewReader(content), name}, nil
}

// sketchAll prepares, size pixels square, every product's picture: the shop's ground, and on it the product in its own colours.
func sketchAll(size int) (map[string]drawer, error) {
	shops, err := load()
	if err != nil {
		return nil, err
	}
	all := map[string]drawer{}
	for _, s := range shops {
		ground, err := art("ground-" + s.Ground)
		if err != nil {
			return nil, err
		}
		for _, p := range s.Products {
			thing, err := art(p.Picture.Art)
			if err != nil {
				return nil, err
			}
			all[p.file()] = sync.OnceValues(func() ([]byte, error) {
				var out bytes.Buffer
				err := png.Encode(&out, sketch.Render(size, p.Picture.Palette, ground, thing))
				return out.Bytes(), err
			})
		}
	}
	return all, nil
}

func art(name string) (sketch.Drawing, error) {
	text, err := artFiles.ReadFile("art/" + name + ".svg")
	if err != nil {
		return nil, fmt.Errorf("read drawing: %w", err)
	}
	d, err := sketch.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("drawing %s: %w", name, err)
	}
	return d, nil
}

// file is an open picture, which can seek, as HTTP ranges want.
type file struct {
	*bytes.Reader
	name string
}

// Stat implements fs.File.
func (f file) Stat() (fs.FileInfo, error) { return info{f.name, f.Size()}, nil }

// Close implements fs.File.
func (f file) Close() error { return nil }

type info struct {
	name string
	size int64
}

// Name implements fs.FileInfo, as do all below.
func (i info) Name() string { return i.name }

// Size is in bytes.
func (i info) Size() int64 { return i.size }

// Mode is that of a file to read.
func (i info) Mode() fs.FileMode { return 0o444 }

// ModTime is unknown: zero.
func (i info) ModTime() time.Time { return time.Time{} }

// IsDir is false.
func (i info) IsDir() bool { return false }

// Sys is nil.
func (i info) Sys() any { return nil }
