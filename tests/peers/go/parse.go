// Parses one file with the reference implementation, again and again, and prints the best speed in MB/s:
// parse FILE SECONDS. Run by `cargo xtask bench --parse`.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
)

// Keeps the compiler from dropping a tree that nobody reads.
var kept *ast.File

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: parse FILE SECONDS")
	}
	name := os.Args[1]
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseFloat(os.Args[2], 64)
	if err != nil {
		return err
	}
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	best := time.Duration(0)
	for n := 0; n < 3 || time.Now().Before(end); n++ {
		start := time.Now()
		if kept, err = parser.ParseFile(name, text, parser.ParseComments); err != nil {
			return err
		}
		if took := time.Since(start); best == 0 || took < best {
			best = took
		}
	}
	fmt.Printf("%.1f\n", float64(len(text))/best.Seconds()/1e6)
	return nil
}
