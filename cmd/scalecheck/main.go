// Scalecheck puts realistic users on an application on PostgreSQL and says
// what breaks first, and why.
package main

import "os"

func main() {
	if args, ok := asK6(os.Args); ok {
		runK6(args)
		return
	}
	_, plain := os.LookupEnv("NO_COLOR")
	plain = plain || os.Getenv("TERM") == "dumb"
	os.Exit(scalecheck(os.Args[1:], streams{
		out: os.Stdout, err: os.Stderr,
		terminal: isTerminal(os.Stderr) && os.Getenv("TERM") != "dumb",
		color:    isTerminal(os.Stdout) && !plain,
	}))
}

func isTerminal(f *os.File) bool {
	i, err := f.Stat()
	return err == nil && i.Mode()&os.ModeCharDevice != 0
}
