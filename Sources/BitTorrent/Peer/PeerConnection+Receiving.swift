import Bytes
import EventLoop
private import Glibc
import PeerProtocol

// From the socket to messages. One read a wake-up, of up to a quarter of a MiB, framed in place; only
// the message that the read cut in two is kept, and its rest is read straight behind it.
extension PeerConnection {
  func receive(on loop: isolated Loop) {
    let buffer = torrent.context.received
    let hadPartial = !partial.isEmpty
    let missing = hadPartial ? partial.missing : 0
    let before = downloaded
    let count: Int
    switch read(into: buffer, on: loop) {
    case .bytes(let moved): count = moved
    case .none: return
    case .ended: return close(.closedByPeer, on: loop)
    case .failed: return close(.readError, on: loop)
    }
    lastReceived = loop.now
    var rest = count
    if hadPartial {
      partial.received(min(count, missing))
      rest = max(0, count - missing)
      guard consumePartial(on: loop) else { return }
    }
    if rest > 0 { unsafe consume(buffer.bytes(rest), on: loop) }
    if let share = rates.shares.arrivals { arrived(Int(downloaded - before), share, on: loop) }
    if phase == .open { torrent.fillRequests(self, on: loop) }
  }

  private func read(into buffer: ReceiveBuffer, on loop: isolated Loop) -> PeerStream.Moved {
    var most = buffer.capacity
    if let share = rates.shares.arrivals { most = readSize(share, most: most, on: loop) }
    guard !partial.isEmpty else {
      var vector = unsafe iovec(iov_base: buffer.base, iov_len: most)
      return unsafe stream.read(into: &vector, count: 1)
    }
    let stream = stream
    return unsafe partial.withRoom { room in
      unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { vectors -> PeerStream.Moved in
        unsafe vectors[0] = iovec(iov_base: room.baseAddress, iov_len: room.count)
        unsafe vectors[1] = iovec(iov_base: buffer.base, iov_len: most)
        guard let first = vectors.baseAddress else { return .none }
        return unsafe stream.read(into: first, count: 2)
      }
    }
  }

  /// Handles the kept message if it is whole. False if there is nothing more to do with this read.
  private func consumePartial(on loop: isolated Loop) -> Bool {
    while partial.isWhole {
      let message = partial.take()
      let next = unsafe message.withUnsafeBytes { bytes in
        unsafe step(RawSpan(_unsafeBytes: bytes), from: 0, on: loop)
      }
      switch next {
      case .handled: partial.recycle(message)
      case .incomplete(let needed):
        unsafe message.withUnsafeBytes { unsafe partial.begin($0, needed: needed) }
        // The length is known now; what the read brought beyond it lies in the shared buffer, so a
        // second read would come too late: the rest is copied from there by `consume`.
        return true
      case .closed: return false
      }
    }
    return phase != .closed
  }

  /// Handles all whole messages of `bytes`, keeps the start of the last one.
  func consume(_ bytes: UnsafeRawBufferPointer, on loop: isolated Loop) {
    var offset = 0
    while offset < bytes.count {
      if !partial.isEmpty {
        let take = min(partial.missing, bytes.count - offset)
        unsafe partial.withRoom { room in
          unsafe room.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + take]))
        }
        partial.received(take)
        offset += take
        guard consumePartial(on: loop) else { return }
        continue
      }
      switch unsafe step(RawSpan(_unsafeBytes: bytes), from: offset, on: loop) {
      case .handled(let next): offset = next
      case .incomplete(let needed):
        unsafe partial.begin(UnsafeRawBufferPointer(rebasing: bytes[offset...]), needed: needed)
        return
      case .closed: return
      }
    }
  }

  private enum Progress {
    case handled(next: Int)
    case incomplete(needed: Int)
    case closed
  }

  /// Handles the message at `offset`, if it is whole.
  private func step(_ bytes: RawSpan, from offset: Int, on loop: isolated Loop) -> Progress {
    if phase == .greeting {
      guard bytes.byteCount - offset >= Handshake.byteCount else {
        // A peer that speaks something else is shown the door at its first bytes.
        guard Handshake.isPrefix(bytes.extracting(offset..<bytes.byteCount)) else {
          close(.badHandshake, on: loop)
          return .closed
        }
        return .incomplete(needed: Handshake.byteCount)
      }
      greeted(bytes.extracting(offset..<offset + Handshake.byteCount), on: loop)
      return phase == .closed ? .closed : .handled(next: offset + Handshake.byteCount)
    }
    switch FrameDecoder.next(in: bytes, from: offset, limits: torrent.maximumMessage) {
    case .message(let message, let next):
      handle(message, bytes, on: loop)
      return phase == .closed ? .closed : .handled(next: next)
    case .incomplete(let needed):
      return .incomplete(needed: needed)
    case .violation:
      close(.protocolViolation, on: loop)
      return .closed
    }
  }
}
