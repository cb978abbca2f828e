package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"holdfast/internal/db"
)

// build is what the program knows of how it was made. What it does not know is "unknown".
type build struct {
	version   string // of the module, "(devel)" unless it was installed as one
	revision  string // of the repository
	time      string // of the revision
	changed   bool   // the work tree had changes
	goVersion string
}

func readBuild() build {
	b := build{version: "unknown", revision: "unknown", time: "unknown", goVersion: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.revision = s.Value
		case "vcs.time":
			b.time = s.Value
		case "vcs.modified":
			b.changed = s.Value == "true"
		}
	}
	return b
}

// versionCommand says what this program is.
type versionCommand struct{}

// Run prints.
func (versionCommand) Run(a *app) error {
	b := readBuild()
	count, newest, err := db.SchemaVersion()
	if err != nil {
		return err
	}
	revision := b.revision
	if b.changed {
		revision += ", with changes"
	}
	_, err = fmt.Fprintf(a.out, "holdfast  %s\nrevision  %s\ntime      %s\ngo        %s %s/%s\nschema    %d migrations, the newest %s\n",
		b.version, revision, b.time, b.goVersion, runtime.GOOS, runtime.GOARCH, count, newest)
	return err
}
