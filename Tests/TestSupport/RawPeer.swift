/// One end of a peer connection, driven message by message. Blocks: use it in ``onThread(_:)``.
public final class RawPeer: Sendable {
  /// A message that came in.
  public struct Message: Sendable, Equatable {
    /// Its number; `nil` for a keep-alive.
    public let id: UInt8?
    /// What follows the number.
    public let payload: [UInt8]

    /// The big-endian number in four bytes at `offset` of the payload.
    public func number(_ offset: Int) -> Int {
      payload[offset..<(offset + 4)].reduce(0) { $0 << 8 | Int($1) }
    }
  }

  /// The connection itself, for bytes that are no messages.
  public let connection: Connection
  /// The info-hash of the other side's handshake.
  public let infoHash: [UInt8]
  /// The peer id of the other side's handshake.
  public let peerID: [UInt8]

  /// Connects and exchanges handshakes.
  public convenience init(
    to address: TestAddress, from source: TestAddress? = nil, infoHash: [UInt8],
    peerID: [UInt8] = WireMessage.peerID(), reserved: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0]
  ) throws {
    let connection = try Connection(to: address, from: source)
    try connection.send(WireMessage.handshake(infoHash: infoHash, peerID: peerID, reserved: reserved))
    try self.init(reading: connection)
  }

  /// Answers the handshake of someone who has connected.
  public convenience init(
    accepting connection: Connection, peerID: [UInt8] = WireMessage.peerID(),
    reserved: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0]
  ) throws {
    try self.init(reading: connection)
    try connection.send(WireMessage.handshake(infoHash: infoHash, peerID: peerID, reserved: reserved))
  }

  private init(reading connection: Connection) throws {
    self.connection = connection
    let bytes = try connection.receive(exactly: 68)
    guard bytes.starts(with: [19] + Array("BitTorrent protocol".utf8)) else {
      throw TestFailure("that is no handshake: \(bytes.prefix(20))")
    }
    infoHash = Array(bytes[28..<48])
    peerID = Array(bytes[48...])
  }

  /// Sends bytes: usually a ``WireMessage``.
  public func send(_ bytes: [UInt8]) throws { try connection.send(bytes) }

  /// The next message.
  public func receive() throws -> Message {
    let length = try connection.receive(exactly: 4).reduce(0) { $0 << 8 | Int($1) }
    guard length > 0 else { return Message(id: nil, payload: []) }
    guard length < 1 << 21 else { throw TestFailure("a message of \(length) bytes") }
    let bytes = try connection.receive(exactly: length)
    return Message(id: bytes[0], payload: Array(bytes[1...]))
  }

  /// The next message with that number; others are dropped.
  public func receive(_ id: UInt8) throws -> Message {
    while true {
      let message = try receive()
      if message.id == id { return message }
    }
  }
}
