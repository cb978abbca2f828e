package db

import (
	"database/sql"
	"errors"

	"entgo.io/ent/dialect"
)

// Pool is one pool of connections and what it has done so far.
type Pool struct {
	// Name is "main" on MySQL, which has one pool, and "write" or "read" on SQLite.
	Name string
	sql.DBStats
}

// Pools are the pools of connections, always in the same order. It asks the database nothing.
func (d *DB) Pools() []Pool {
	if d.read == d.write {
		return []Pool{{Name: "main", DBStats: d.write.Stats()}}
	}
	return []Pool{{Name: "write", DBStats: d.write.Stats()}, {Name: "read", DBStats: d.read.Stats()}}
}

// SchemaVersion is how many migrations this program knows, and the name of the newest. Both dialects have the same ones.
func SchemaVersion() (count int, newest string, err error) {
	files, err := readMigrations(migrationFiles, "migrations/"+folder(dialect.MySQL))
	if err != nil {
		return 0, "", err
	}
	if len(files) == 0 {
		return 0, "", errors.New("read migrations: there are none")
	}
	return len(files), files[len(files)-1].version, nil
}
