public import Addresses
internal import Bytes
internal import CSystem
internal import Glibc

/// Who gets the datagrams of a socket.
public protocol DatagramHandler: AnyObject {
  /// A datagram came. Its bytes are only there while the call lasts.
  func received(_ datagram: RawSpan, from remote: Endpoint, on loop: isolated Loop)
  /// All datagrams that waited have been handed over: time to answer them together.
  func receivedAll(on loop: isolated Loop)
  /// There is room again for datagrams that are to be sent.
  func drained(on loop: isolated Loop)
}

extension DatagramHandler {
  /// Nothing: for who sends little.
  public func drained(on loop: isolated Loop) {}
}

/// A UDP socket on a loop. Datagrams come and go in batches of up to 64 a system call; what is sent during a
/// wake-up leaves together at its end. Confined to its loop; nothing is allocated per datagram.
@safe
public final class UDPSocket: ReadinessHandler, DeferredWork {
  /// Bytes that may wait to be sent; what comes beyond that is lost, as UDP may lose it.
  public static let queueLimit = 1 << 20
  /// Batches taken from the socket in one wake-up, so that a flood does not starve the loop's other work.
  private static let batchLimit = 8
  /// What one walk through the stack takes (UDP_MAX_SEGMENTS, and the largest packet of IP).
  private static let segmentLimit: UInt32 = 64
  private static let mergeLimit: UInt32 = 65_000

  /// The local end, with the port that was given.
  public private(set) var bound: Endpoint
  /// Datagrams that were lost because the queue was full or the system refused them.
  public private(set) var lost = 0

  private var descriptor: Int32
  /// Whether datagrams are taken from it; else it only sends.
  private let receives: Bool
  private let datagramSize: Int
  private let buffer: UnsafeMutablePointer<UInt8>
  private let arrivals: UnsafeMutablePointer<apus_datagram>
  private var watcher: SocketWatcher?
  private var handler: (any DatagramHandler)?
  private var outgoing: [UInt8] = []
  private var waiting: [apus_datagram] = []
  /// Where the last of them goes.
  private var lastRemote: Endpoint?
  /// Whether the system cuts one large piece into datagrams (UDP_SEGMENT): one walk through the stack for many.
  private var usesSegments = true
  private var isFlushScheduled = false
  private var isOpen = true

  /// Takes over a descriptor that `bind` gave. Datagrams longer than `datagramSize` bytes are dropped when
  /// they come.
  public init(_ descriptor: Int32, bound: Endpoint, datagramSize: Int = 2048) {
    self.descriptor = descriptor
    self.bound = bound
    self.datagramSize = datagramSize
    receives = true
    unsafe buffer = .allocate(capacity: Int(APUS_DATAGRAMS) * datagramSize)
    unsafe arrivals = .allocate(capacity: Int(APUS_DATAGRAMS))
    unsafe arrivals.initialize(repeating: apus_datagram(), count: Int(APUS_DATAGRAMS))
  }

  /// Another way out of the same port, for another loop: what comes is left to the socket that `outlet` gave the
  /// descriptor for.
  public init(outlet descriptor: Int32, bound: Endpoint) {
    self.descriptor = descriptor
    self.bound = bound
    datagramSize = 0
    receives = false
    unsafe buffer = .allocate(capacity: 1)
    unsafe arrivals = .allocate(capacity: 1)
  }

  /// A descriptor for another way out of the same port; `nil` if there are too many descriptors.
  public func outlet() -> Int32? {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    return copy < 0 ? nil : copy
  }

  deinit {
    if isOpen { TCP.close(descriptor) }
    unsafe buffer.deallocate()
    unsafe arrivals.deallocate()
  }

  /// Begins to receive; false if the system refuses.
  public func start(_ handler: any DatagramHandler, on loop: isolated Loop) -> Bool {
    watcher = loop.watcher(descriptor, self)
    self.handler = handler
    watcher?.watch(for: receives ? .readable : [])
    return watcher != nil
  }

  /// Closes the socket; what waits to be sent is tried once more. Idempotent.
  public func close(on loop: isolated Loop) {
    handler = nil
    guard isOpen else { return }
    flush()
    isOpen = false
    watcher?.close()
    watcher = nil
    TCP.close(descriptor)
  }

  /// Closes the descriptor, until `resume`: what is sent meanwhile is lost.
  public func suspend() {
    guard isOpen else { return }
    isOpen = false
    lost += waiting.count
    waiting.removeAll(keepingCapacity: true)
    outgoing.removeAll(keepingCapacity: true)
    lastRemote = nil
    watcher?.close()
    watcher = nil
    TCP.close(descriptor)
  }

  /// Goes on with another descriptor that `bind` gave; false if the system refuses, or it was closed for good.
  public func resume(_ descriptor: Int32, bound: Endpoint, on loop: isolated Loop) -> Bool {
    guard !isOpen, handler != nil, let watcher = loop.watcher(descriptor, self) else {
      TCP.close(descriptor)
      return false
    }
    (self.descriptor, self.bound, self.watcher) = (descriptor, bound, watcher)
    isOpen = true
    watcher.watch(for: receives ? .readable : [])
    return true
  }

  /// Sends a datagram at the end of this wake-up.
  public func send(_ datagram: RawSpan, to remote: Endpoint, on loop: isolated Loop) {
    guard isOpen, remote.address.isV4 == bound.address.isV4 else { return }
    guard outgoing.count + datagram.byteCount <= Self.queueLimit else {
      lost += 1
      return
    }
    if !merge(datagram, to: remote) {
      var entry = apus_datagram()
      entry.offset = UInt32(outgoing.count)
      entry.length = UInt32(datagram.byteCount)
      entry.address = remote.socketStorage
      waiting.append(entry)
      lastRemote = remote
    }
    unsafe datagram.withUnsafeBytes { unsafe outgoing.append(contentsOf: $0) }
    guard !isFlushScheduled else { return }
    isFlushScheduled = true
    loop.atEndOfWakeUp(self)
  }

  /// Bytes that may still be given to `send`.
  public var room: Int { Self.queueLimit - outgoing.count }

  /// Adds a datagram to the one before it, if both go to the same place and that one is full.
  private func merge(_ datagram: RawSpan, to remote: Endpoint) -> Bool {
    guard usesSegments, lastRemote == remote, let last = waiting.last else { return false }
    let segment = last.segment == 0 ? last.length : last.segment
    let length = last.length + UInt32(datagram.byteCount)
    guard datagram.byteCount <= Int(segment), last.length % segment == 0, length <= Self.mergeLimit,
      last.length / segment < Self.segmentLimit
    else { return false }
    waiting[waiting.count - 1].segment = segment
    waiting[waiting.count - 1].length = length
    return true
  }

  /// Sends a datagram at once that must not be cut into fragments on its way. False if it is larger than the
  /// interface takes; what the system refuses for other reasons is lost.
  public func sendWhole(_ datagram: RawSpan, to remote: Endpoint) -> Bool {
    guard isOpen, remote.address.isV4 == bound.address.isV4 else { return true }
    var entry = apus_datagram()
    entry.length = UInt32(datagram.byteCount)
    entry.address = remote.socketStorage
    let result = unsafe datagram.withUnsafeBytes { bytes -> Int32 in
      guard let start = bytes.baseAddress else { return 0 }
      return unsafe apus_send_whole(descriptor, &entry, start.assumingMemoryBound(to: UInt8.self))
    }
    guard result < 0 else { return true }
    if apus_errno() == EMSGSIZE { return false }
    lost += 1
    return true
  }

  /// The socket can be read or written: hands over what came, sends what waits.
  public func ready(_ events: Readiness, on loop: isolated Loop) {
    if events.contains(.writable) {
      flush()
      if waiting.isEmpty { handler?.drained(on: loop) }
    }
    guard receives, events.contains(.readable) else { return }
    for _ in 0..<Self.batchLimit {
      let count = unsafe apus_receive_datagrams(descriptor, arrivals, APUS_DATAGRAMS, buffer, datagramSize)
      guard count > 0 else { break }
      for index in 0..<Int(count) {
        unsafe handOver(arrivals[index], on: loop)
      }
      guard isOpen, count == APUS_DATAGRAMS else { break }
    }
    handler?.receivedAll(on: loop)
  }

  private func handOver(_ arrival: apus_datagram, on loop: isolated Loop) {
    guard arrival.length > 0, let remote = Endpoint(arrival.address) else { return }
    let bytes = unsafe UnsafeRawBufferPointer(
      start: buffer + Int(arrival.offset), count: Int(arrival.length))
    unsafe handler?.received(RawSpan(_unsafeBytes: bytes), from: remote, on: loop)
  }

  /// Sends what was given to it during the wake-up.
  public func endOfWakeUp(on loop: isolated Loop) {
    isFlushScheduled = false
    flush()
  }

  /// Sends what waits, as far as the system takes it. A datagram that it refuses is lost, not tried again.
  private func flush() {
    guard isOpen else { return }
    var first = 0
    while first < waiting.count {
      let sent = unsafe waiting.withUnsafeBufferPointer { entries in
        unsafe outgoing.withUnsafeBufferPointer { bytes -> Int32 in
          guard let entries = entries.baseAddress, let bytes = bytes.baseAddress else { return 0 }
          let count = min(Int32(waiting.count - first), APUS_DATAGRAMS)
          return unsafe apus_send_datagrams(descriptor, entries + first, count, bytes)
        }
      }
      if sent > 0 {
        first += Int(sent)
      } else if apus_errno() == EAGAIN {
        waiting.removeFirst(first)
        lastRemote = nil
        watcher?.watch(for: receives ? [.readable, .writable] : .writable)
        return
      } else if waiting[first].segment > 0 {
        // A path, or an interface, on which that does not work.
        usesSegments = false
        split(first)
      } else {
        lost += 1
        first += 1
      }
    }
    lastRemote = nil
    waiting.removeAll(keepingCapacity: true)
    outgoing.removeAll(keepingCapacity: true)
    watcher?.watch(for: receives ? .readable : [])
  }

  /// Makes single datagrams of merged ones, from the one at `first` on.
  private func split(_ first: Int) {
    var entries: [apus_datagram] = []
    for merged in waiting[first...] {
      let segment = merged.segment == 0 ? max(merged.length, 1) : merged.segment
      for start in stride(from: 0, to: merged.length, by: Int(segment)) {
        var entry = merged
        entry.offset = merged.offset + start
        entry.length = min(segment, merged.length - start)
        entry.segment = 0
        entries.append(entry)
      }
    }
    waiting.replaceSubrange(first..., with: entries)
  }

  /// Binds a non-blocking socket; port 0 takes a free one. Returns the descriptor and what it is bound to. Sockets
  /// that are `sharing` can have the same port; datagrams are spread over them. With a binding, all goes through its
  /// interface.
  public static func bind(
    to endpoint: Endpoint, sharing: Bool = false, through binding: SocketBinding? = nil
  ) throws(SocketError) -> (descriptor: Int32, bound: Endpoint) {
    var endpoint = endpoint
    let operation = "receive datagrams on \(endpoint)"
    let descriptor = apus_socket(endpoint.address.isV4 ? AF_INET : AF_INET6, Int32(SOCK_DGRAM.rawValue))
    guard descriptor >= 0 else { throw SocketError(operation) }
    let source = try TCP.tie(descriptor, endpoint.address, through: binding, source: endpoint.address)
    if let source { endpoint.address = source }
    if !endpoint.address.isV4 { _ = apus_set_option(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
    if sharing { _ = apus_set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
    // As much as the system allows: what does not fit into the buffer is lost.
    _ = apus_set_option(descriptor, SOL_SOCKET, SO_RCVBUF, 1 << 20)
    _ = apus_set_option(descriptor, SOL_SOCKET, SO_SNDBUF, 1 << 20)
    apus_allow_fragments(descriptor, endpoint.address.isV4 ? AF_INET : AF_INET6)
    let result = unsafe endpoint.withSocketAddress { address, length in
      unsafe Glibc.bind(descriptor, address, length)
    }
    guard result == 0, let bound = TCP.local(descriptor) else {
      let error = SocketError(operation)
      TCP.close(descriptor)
      throw error
    }
    return (descriptor, bound)
  }

  /// Has a socket send to `remote`, and receive from there, only.
  public static func connect(_ descriptor: Int32, to remote: Endpoint) throws(SocketError) {
    let result = unsafe remote.withSocketAddress { address, length in
      unsafe Glibc.connect(descriptor, address, length)
    }
    guard result == 0 else { throw SocketError("send datagrams to \(remote)") }
  }
}
