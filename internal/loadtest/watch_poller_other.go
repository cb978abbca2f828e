//go:build !linux

package main

import (
	"errors"
	"time"
)

// poller is for Linux alone, as is what is read of processes.
type poller struct{}

var errLinux = errors.New("this workload needs Linux")

func newPoller() (poller, error)                                { return poller{}, errLinux }
func (poller) add(int, int) error                               { return errLinux }
func (poller) wait(ready []int, _ time.Duration) ([]int, error) { return ready, errLinux }
func (poller) close()                                           {}
func (*watcher) leaveRuntime() error                            { return errLinux }
