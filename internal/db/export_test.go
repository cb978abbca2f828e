package db

import (
	"context"
	"io/fs"
)

// MigrateFiles is Migrate with files of the test's own.
func (d *DB) MigrateFiles(ctx context.Context, fsys fs.FS) error {
	files, err := readMigrations(fsys, ".")
	if err != nil {
		return err
	}
	return d.migrate(ctx, files)
}

// MigrationLock takes Migrate's lock on MySQL.
const MigrationLock = migrationLock

// Supported tells whether a server of this version is refused.
var Supported = supported
