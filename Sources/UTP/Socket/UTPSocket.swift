public import Addresses
import Bytes

/// All connections of BEP 29 that share one UDP port.
///
/// Sans I/O: `receive` takes datagrams, `fill` writes those that are to be sent, `advance` is called when
/// `deadline` has come, and `takeReady` tells which connections have something for their users. Meant to be
/// used in batches: many `receive`, then `takeReady`, then `fill` until it says that it is done.
///
/// A stranger costs nothing: who asks for a connection gets an answer of the same size from which it must
/// quote; only then is there something to remember.
public final class UTPSocket {
  /// What it was made with.
  public let configuration: UTPConfiguration
  /// Packets that were passed over, by why.
  public private(set) var rejected = UTPRejections()
  /// Connections that peers have opened.
  public private(set) var incomingCount = 0
  /// Whether peers may open connections.
  public var acceptsConnections = true
  /// Told of each connection that is over.
  public var whenEnded: ((UTPConnection) -> Void)?
  /// Which numbers it gives to connections that it opens, where several sockets share a port: those that leave
  /// `rest` when divided by `count`.
  public var share: (rest: UInt16, count: UInt16) = (0, 1)

  private var table: ConnectionTable<UTPConnection>
  private var heap = DeadlineHeap()
  private var pool: BufferPool
  private var ready: [UTPConnection] = []
  private var dirty: [UTPConnection] = []
  private var firstDirty = 0
  /// Packets that belong to no connection.
  private var replies: [(header: UTPHeader, remote: Endpoint, tellsLargest: Bool)] = []
  private var repliesUntil: UInt64 = 0
  private var resetsLeft = 0
  private let cookie: KeyedHash
  private var random: UInt64
  private var latest: UInt64 = 0

  private static let replyLimit = 256
  /// How many packets a peer may send before it has heard anything of us but the greeting.
  private static let firstPackets: UInt16 = 16
  /// Resets a second: they help peers that we have forgotten, and nobody else.
  private static let resetLimit = 100

  /// A socket without connections. `seed`: random numbers that nobody can guess.
  public init(_ configuration: UTPConfiguration = UTPConfiguration(), seed: (UInt64, UInt64)) {
    self.configuration = configuration
    cookie = KeyedHash(key: seed)
    table = ConnectionTable(KeyedHash(key: (seed.1, seed.0 ^ 0x5bd1_e995)))
    pool = BufferPool(limit: configuration.spareBytes)
    random = cookie(1, 2, 3)
  }

  /// Connections, those included that are being closed.
  public var connectionCount: Int { table.count }

  /// Opens a connection; `nil` if there are too many to the same peer.
  public func connect(to remote: Endpoint, now: UInt64) -> UTPConnection? {
    let now = forward(now)
    for _ in 0..<16 {
      let any = UInt16(truncatingIfNeeded: nextRandom())
      let id = any &- any % share.count &+ share.rest
      guard id % share.count == share.rest, table.find(remote, id) == nil else { continue }
      let connection = UTPConnection(
        self, remote: remote, isOutgoing: true, receiveID: id, sendID: id &+ 1,
        sequence: UInt16(truncatingIfNeeded: nextRandom()), received: 0, now: now)
      table.insert(connection)
      connection.sendSYN(now: now)
      return connection
    }
    return nil
  }

  /// What became of a datagram.
  public enum Receipt: Sendable {
    case taken
    /// It is not one of this protocol.
    case malformed
    /// It belongs to no connection that is known here.
    case unknown
  }

  /// Handles a datagram. `refuses`: whether the sender of one that belongs to no connection is told.
  @discardableResult
  public func receive(_ bytes: RawSpan, from remote: Endpoint, now: UInt64, refuses: Bool = true) -> Receipt {
    guard let packet = UTPPacket(bytes) else {
      rejected.malformed += 1
      return .malformed
    }
    let now = forward(now)
    let id = packet.header.connectionID
    if packet.header.type == .syn {
      greet(packet.header, remote, tellsLargest: packet.largestDatagram != nil, now: now)
    } else if packet.header.type == .reset {
      // It carries either number, as other programs have it.
      for step: UInt16 in 0..<3 {
        guard let connection = table.find(remote, id &- 1 &+ step),
          connection.receiveID == id || connection.sendID == id
        else { continue }
        connection.receive(packet, bytes, now: now, &pool)
        break
      }
    } else if let connection = table.find(remote, id) {
      connection.receive(packet, bytes, now: now, &pool)
    } else if let connection = accept(packet, remote, now: now) {
      connection.receive(packet, bytes, now: now, &pool)
    } else {
      guard refuses else { return .unknown }
      rejected.unknown += 1
      // A reset for each would let two forgetful hosts talk for ever.
      if packet.header.type != .state { refuse(packet.header, remote, now: now) }
      return .unknown
    }
    return .taken
  }

  // MARK: Strangers

  /// The first number that we would use with a peer that asks for this connection: nothing needs to be kept
  /// to know it again.
  private func firstSequence(_ remote: Endpoint, id: UInt16, sequence: UInt16) -> UInt16 {
    let words = remote.address.words
    let rest = UInt64(remote.port) << 32 | UInt64(id) << 16 | UInt64(sequence)
    return UInt16(truncatingIfNeeded: cookie(words.high, words.low, rest))
  }

  private func greet(_ header: UTPHeader, _ remote: Endpoint, tellsLargest: Bool, now: UInt64) {
    guard acceptsConnections, incomingCount < configuration.incomingLimit else {
      rejected.unwanted += 1
      return
    }
    let time = UInt32(truncatingIfNeeded: now)
    reply(
      UTPHeader(
        type: .state, connectionID: header.connectionID, timestamp: time,
        difference: time &- header.timestamp, window: UInt32(clamping: configuration.receiveLimit),
        sequence: firstSequence(remote, id: header.connectionID, sequence: header.sequence),
        acknowledged: header.sequence), to: remote, tellsLargest: tellsLargest)
  }

  /// The first packet behind a greeting, if it quotes what the greeting was answered with.
  private func accept(_ packet: UTPPacket, _ remote: Endpoint, now: UInt64) -> UTPConnection? {
    let header = packet.header
    guard header.type == .data, acceptsConnections, incomingCount < configuration.incomingLimit
    else { return nil }
    let id = header.connectionID &- 1
    // The very first may be late, or lost.
    for step: UInt16 in 1...Self.firstPackets {
      let first = firstSequence(remote, id: id, sequence: header.sequence &- step)
      guard header.acknowledged == first &- 1 else { continue }
      return accept(
        remote, receiveID: header.connectionID, first, received: header.sequence &- step, now: now)
    }
    return nil
  }

  private func accept(
    _ remote: Endpoint, receiveID: UInt16, _ first: UInt16, received: UInt16, now: UInt64
  ) -> UTPConnection {
    let connection = UTPConnection(
      self, remote: remote, isOutgoing: false, receiveID: receiveID, sendID: receiveID &- 1,
      sequence: first, received: received, now: now)
    table.insert(connection)
    incomingCount += 1
    connection.happened(.accepted)
    return connection
  }

  private func refuse(_ header: UTPHeader, _ remote: Endpoint, now: UInt64) {
    if now >= repliesUntil {
      repliesUntil = now + 1_000_000
      resetsLeft = Self.resetLimit
    }
    guard resetsLeft > 0 else { return }
    resetsLeft -= 1
    reply(
      UTPHeader(
        type: .reset, connectionID: header.connectionID, timestamp: UInt32(truncatingIfNeeded: now),
        window: 0, sequence: UInt16(truncatingIfNeeded: nextRandom()), acknowledged: header.sequence),
      to: remote)
  }

  /// Answers are as short as what they answer, at most; beyond some they are left out.
  private func reply(_ header: UTPHeader, to remote: Endpoint, tellsLargest: Bool = false) {
    guard replies.count < Self.replyLimit else { return }
    replies.append((header, remote, tellsLargest))
  }

  func sendReset(of connection: UTPConnection) {
    reply(
      UTPHeader(
        type: .reset, connectionID: connection.sendID,
        timestamp: UInt32(truncatingIfNeeded: connection.lastSent), window: 0,
        sequence: connection.sent.next, acknowledged: connection.received), to: connection.remote)
  }

  // MARK: What connections note

  func isReady(_ connection: UTPConnection) {
    guard !connection.isReady else { return }
    connection.isReady = true
    ready.append(connection)
  }

  func isDirty(_ connection: UTPConnection) {
    guard !connection.isDirty, connection.phase != .closed else { return }
    connection.isDirty = true
    dirty.append(connection)
  }

  /// A connection is over.
  func end(_ connection: UTPConnection) {
    guard connection.phase != .closed else { return }
    connection.phase = .closed
    connection.reorder = ReorderBuffer()
    forget(connection)
    whenEnded?(connection)
  }

  private func forget(_ connection: UTPConnection) {
    if table.find(connection.remote, connection.receiveID) === connection {
      table.remove(connection.remote, connection.receiveID)
    }
    heap.remove(connection)
    if !connection.isOutgoing { incomingCount -= 1 }
  }

  // MARK: Moving

  /// Lets go of an open connection, so that another socket at the same port can have it; `nil` if it is not
  /// open any more. O(connections with something to do).
  public func detach(_ connection: UTPConnection) -> DetachedConnection? {
    guard connection.phase == .open, connection.failure == nil else { return nil }
    forget(connection)
    if connection.isDirty {
      dirty[firstDirty...].firstIndex { $0 === connection }.map { _ = dirty.remove(at: $0) }
    }
    if connection.isReady { ready.removeAll { $0 === connection } }
    connection.isDirty = false
    connection.isReady = false
    connection.owner = nil
    return DetachedConnection(connection)
  }

  /// Takes a connection over; what it has to say leaves with the next `fill`.
  public func attach(_ detached: DetachedConnection, now: UInt64) -> UTPConnection {
    latest = max(latest, now)
    let connection = detached.connection
    connection.socket = self
    table.insert(connection)
    if !connection.isOutgoing { incomingCount += 1 }
    isDirty(connection)
    return connection
  }

  // MARK: What its user calls

  /// Moves the connections for which something has happened, and what, to the end of `list`.
  public func takeReady(into list: inout [(UTPConnection, UTPConnection.Events)]) {
    for connection in ready {
      connection.isReady = false
      let events = connection.events
      connection.events = []
      if !events.isEmpty { list.append((connection, events)) }
    }
    ready.removeAll(keepingCapacity: true)
  }

  /// Writes datagrams that are due to the batch. True when all are in it; else send them and call again.
  public func fill(_ batch: inout PacketBatch, now: UInt64) -> Bool {
    let now = forward(now)
    while let reply = replies.last {
      let count = UTPHeader.byteCount + (reply.tellsLargest ? LargestDatagram.byteCount : 0)
      guard batch.hasRoom(count) else { return false }
      let room = unsafe batch.add(count, to: reply.remote)
      unsafe reply.header.write(to: room, extension: reply.tellsLargest ? LargestDatagram.number : 0)
      if reply.tellsLargest {
        unsafe LargestDatagram.write(configuration.largestDatagram(to: reply.remote.address), to: room)
      }
      replies.removeLast()
    }
    while firstDirty < dirty.count {
      let connection = dirty[firstDirty]
      guard connection.fill(&batch, now: now) else {
        // Its turn comes again when the others have had theirs.
        firstDirty += 1
        dirty.append(connection)
        return false
      }
      firstDirty += 1
      connection.isDirty = false
      heap.lower(connection, to: connection.deadline)
    }
    dirty.removeAll(keepingCapacity: true)
    firstDirty = 0
    return true
  }

  /// When `advance` is to be called; `nil` if nothing waits for time. Known once `fill` is done.
  public var deadline: UInt64? { heap.first }

  /// Does what is due.
  public func advance(to now: UInt64) {
    let now = forward(now)
    while let connection = heap.next(now: now) {
      connection.advance(to: now)
      if connection.phase != .closed { heap.lower(connection, to: max(connection.deadline, now + 1)) }
    }
  }

  /// A datagram could not be sent because it is too large for the interface.
  public func tooLarge(_ datagram: RawSpan, to remote: Endpoint) {
    // What was sent carries the peer's number of the connection.
    guard let packet = UTPPacket(datagram) else { return }
    for id in [packet.header.connectionID &- 1, packet.header.connectionID &+ 1] {
      guard let connection = table.find(remote, id), connection.sendID == packet.header.connectionID
      else { continue }
      connection.mtu.tooLarge(datagram.byteCount)
    }
  }

  /// Ends all connections at once, without a word.
  public func removeAll() {
    for connection in table.all {
      connection.owner = nil
      connection.events = []
      end(connection)
    }
    replies = []
  }

  /// Ends all connections at once; peers of those that are open are told, as far as `fill` is called after.
  public func abortAll() {
    for connection in table.all {
      if connection.phase == .open { connection.abort() } else { connection.close(now: connection.lastSent) }
    }
  }

  /// Time never goes back, whatever the caller reads it from.
  private func forward(_ now: UInt64) -> UInt64 {
    latest = max(latest, now)
    return latest
  }

  private func nextRandom() -> UInt64 {
    random &+= 1
    return cookie(random, 0, 0)
  }
}

/// Packets that a socket passed over.
public struct UTPRejections: Equatable, Sendable {
  /// Not packets of this protocol.
  public var malformed = 0
  /// Of no connection that is known.
  public var unknown = 0
  /// Asking for a connection when there are too many.
  public var unwanted = 0
}
