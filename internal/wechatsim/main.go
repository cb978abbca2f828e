// Wechatsim plays WeChat on one machine: the mini-program API, the pay API, notices, and a button to pay with.
//
//	go run ./internal/wechatsim -dir data/wechat
//
// The first time it makes keys and writes, beside them, the wechat.json that the server reads (HOLDFAST_WECHAT). A page at /sim shows
// every order; POST /sim/pay takes what wx.requestPayment takes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"holdfast/internal/clock"
	"holdfast/internal/wechatsim/sim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves until the context ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("wechatsim", flag.ContinueOnError)
	flags.SetOutput(out)
	dir := flags.String("dir", "data/wechat", "where keys and configurations are, and are made the first time")
	addr := flags.String("addr", "127.0.0.1:9090", "where to listen")
	notify := flags.String("notify", "http://127.0.0.1:8080/wechatpay/notify", "the server's notify_url, for a new wechat.json")
	writeOnly := flags.Bool("write", false, "make the files and stop")
	shareAfter := flags.Duration("share-after", time.Minute, "how long after payment an order can be shared")
	speed := flags.Float64("notice-speed", 1, "how much faster than WeChat notices are tried again")
	billsToday := flags.Bool("bills-today", false, "give the bills of yesterday and today at any time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	now := clock.Of(time.Now)
	log := slog.New(slog.NewTextHandler(out, nil))
	path := filepath.Join(*dir, "simulator.json")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		world, err := sim.Demo(now)
		if err != nil {
			return err
		}
		if err := world.Save(*dir, "http://"+*addr, *notify); err != nil {
			return err
		}
		log.InfoContext(ctx, "keys made", "dir", *dir, "server_configuration", filepath.Join(*dir, "wechat.json"))
	}
	config, err := sim.Load(path, now)
	if err != nil || *writeOnly {
		return err
	}
	config.Rules.ShareAfter, config.Rules.NoticeSpeed, config.Log = *shareAfter, *speed, log
	config.Rules.BillsToday = *billsToday
	s, err := sim.New(config)
	if err != nil {
		return err
	}
	return serve(ctx, *addr, s, log)
}

func serve(ctx context.Context, addr string, s *sim.Sim, log *slog.Logger) error {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go s.Run(ctx)
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	log.InfoContext(ctx, "WeChat is simulated", "pay", "http://"+l.Addr().String(), "page", "http://"+l.Addr().String()+"/sim")
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
