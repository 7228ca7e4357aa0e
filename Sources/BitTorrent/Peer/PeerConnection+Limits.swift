import EventLoop

// What a peer does under rate limits: without tokens it waits in line, and goes on when it has its turn.
extension PeerConnection {
  /// Whether the socket is to be read; not while what comes in has used up the limit.
  var readInterest: Readiness { rates.waitsToRead ? [] : .readable }

  // MARK: Uploading

  /// Bytes of blocks that may be read from disk now; `nil` if the peer has to wait for its turn.
  func uploadAllowance(_ share: RateShare<PeerConnection>, on loop: isolated Loop) -> Int? {
    guard !rates.waitsToUpload else { return nil }
    let bytes = share.allowance(now: loop.now)
    guard bytes <= 0 else { return bytes }
    rates.waitsToUpload = true
    share.wait(self)
    torrent.context.limits.arm(on: loop)
    return nil
  }

  func uploadTurn(_ bytes: Int, on loop: isolated Loop) {
    rates.waitsToUpload = false
    readMore(turn: bytes, on: loop)
  }

  // MARK: Downloading

  /// Bytes of blocks that may be asked for now; `nil` if the peer has to wait for its turn.
  func requestAllowance(_ share: RateShare<PeerConnection>, on loop: isolated Loop) -> Int? {
    guard !rates.waitsToRequest else { return nil }
    let bytes = share.allowance(now: loop.now)
    guard bytes <= 0 else { return bytes }
    rates.waitsToRequest = true
    share.wait(self)
    torrent.context.limits.arm(on: loop)
    return nil
  }

  func requestTurn(_ bytes: Int, on loop: isolated Loop) {
    rates.waitsToRequest = false
    torrent.fillRequests(self, turn: bytes, on: loop)
  }

  /// Bytes to read from the socket at once, so that one read does not use up what is there for seconds.
  func readSize(_ share: RateShare<PeerConnection>, most: Int, on loop: isolated Loop) -> Int {
    min(most, max(share.allowance(now: loop.now), RateLimiter<PeerConnection>.least))
  }

  /// `count` bytes of payload came in: if that was too much, the socket is left alone for a while, so that
  /// TCP holds the sender back. Who sends other messages only is read from all the time.
  func arrived(_ count: Int, _ share: RateShare<PeerConnection>, on loop: isolated Loop) {
    guard count > 0 else { return }
    share.spend(count)
    guard phase == .open, !rates.waitsToRead, share.allowance(now: loop.now) <= 0 else { return }
    rates.waitsToRead = true
    share.wait(self)
    if let web { web.pause() } else { stream.watch(for: sendQueue.isEmpty ? [] : .writable) }
    torrent.context.limits.arm(on: loop)
  }

  func readTurn(_ bytes: Int, on loop: isolated Loop) {
    guard phase == .open else { return }
    rates.waitsToRead = false
    // What it was asked for waited for us.
    lastBlock = loop.now
    if let web { return web.resume(on: loop) }
    stream.watch(for: sendQueue.isEmpty ? .readable : [.readable, .writable])
    receive(on: loop)
  }

  // MARK: Changes

  /// Out of all lines: for a connection that ends. What it was asked for may be asked of others.
  func leaveLines(wasOpen: Bool) {
    if wasOpen, let share = rates.shares.requests {
      share.refund(torrent.picker.outstanding(slot) * Block.size)
    }
    if rates.waitsToUpload { rates.shares.uploads?.leave { $0 === self } }
    if rates.waitsToRequest { rates.shares.requests?.leave { $0 === self } }
    if rates.waitsToRead { rates.shares.arrivals?.leave { $0 === self } }
    rates = PeerRates()
  }

  /// The limits have changed, all lines are empty: if it waited it asks anew.
  func take(_ shares: RateShares, on loop: isolated Loop) {
    let waited = rates
    rates = PeerRates(shares: shares)
    guard phase == .open else { return }
    if waited.waitsToRead, let web { web.resume(on: loop) }
    if waited.waitsToRead, web == nil {
      stream.watch(for: sendQueue.isEmpty ? .readable : [.readable, .writable])
    }
    if waited.waitsToUpload { readMore(on: loop) }
    if waited.waitsToRequest { torrent.fillRequests(self, on: loop) }
  }
}
