import Bytes

/// What a packet is for.
public enum UTPPacketType: UInt8, Sendable {
  /// Carries a piece of the stream.
  case data = 0
  /// The last packet of the stream; carries none of it.
  case fin = 1
  /// Acknowledges; takes no sequence number.
  case state = 2
  /// There is no such connection (any more).
  case reset = 3
  /// Asks for a connection.
  case syn = 4
}

/// The first 20 bytes of a packet (BEP 29).
public struct UTPHeader: Equatable, Sendable {
  /// Bytes on the wire, without extensions.
  public static let byteCount = 20

  /// What the packet is for.
  public var type: UTPPacketType
  /// The connection, by the number that its receiver gave it.
  public var connectionID: UInt16
  /// The sender's clock when it was sent, µs.
  public var timestamp: UInt32
  /// The sender's clock less `timestamp` of the packet that it received last, µs; 0 if there was none.
  public var difference: UInt32 = 0
  /// Bytes that the sender has room for.
  public var window: UInt32
  /// This packet's number; that of the next one if it takes none.
  public var sequence: UInt16
  /// The last packet that arrived with all before it.
  public var acknowledged: UInt16

  /// Puts a header together.
  public init(
    type: UTPPacketType, connectionID: UInt16, timestamp: UInt32, difference: UInt32 = 0, window: UInt32,
    sequence: UInt16, acknowledged: UInt16
  ) {
    self.type = type
    self.connectionID = connectionID
    self.timestamp = timestamp
    self.difference = difference
    self.window = window
    self.sequence = sequence
    self.acknowledged = acknowledged
  }

  /// Writes the header; `room` has at least `byteCount` bytes. `extension` numbers the first extension
  /// behind it, 0 for none.
  public func write(to room: UnsafeMutableRawBufferPointer, extension first: UInt8 = 0) {
    unsafe room.storeBytes(of: type.rawValue << 4 | UTP.version, toByteOffset: 0, as: UInt8.self)
    unsafe room.storeBytes(of: first, toByteOffset: 1, as: UInt8.self)
    unsafe room.storeBytes(of: connectionID.bigEndian, toByteOffset: 2, as: UInt16.self)
    unsafe room.storeBytes(of: timestamp.bigEndian, toByteOffset: 4, as: UInt32.self)
    unsafe room.storeBytes(of: difference.bigEndian, toByteOffset: 8, as: UInt32.self)
    unsafe room.storeBytes(of: window.bigEndian, toByteOffset: 12, as: UInt32.self)
    unsafe room.storeBytes(of: sequence.bigEndian, toByteOffset: 16, as: UInt16.self)
    unsafe room.storeBytes(of: acknowledged.bigEndian, toByteOffset: 18, as: UInt16.self)
  }
}

/// A packet taken apart: its header, and where the rest lies in it.
public struct UTPPacket: Equatable, Sendable {
  /// The first 20 bytes.
  public var header: UTPHeader
  /// The bits of the selective acknowledgement, empty if there is none. The first bit, the lowest of the
  /// first byte, is for the packet `acknowledged + 2`.
  public var selective: Range<Int>
  /// Bytes of the largest datagram that the sender takes, if it says so.
  public var largestDatagram: UInt32?
  /// The piece of the stream.
  public var payload: Range<Int>

  /// Takes a datagram apart; `nil` if it is not a packet of this protocol. Unknown extensions are passed
  /// over. O(extensions), no allocation.
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= UTPHeader.byteCount, bytes.byte(at: 0) & 15 == UTP.version,
      let type = UTPPacketType(rawValue: bytes.byte(at: 0) >> 4)
    else { return nil }
    header = UTPHeader(
      type: type, connectionID: bytes.bigEndian(UInt16.self, at: 2),
      timestamp: bytes.bigEndian(UInt32.self, at: 4), difference: bytes.bigEndian(UInt32.self, at: 8),
      window: bytes.bigEndian(UInt32.self, at: 12), sequence: bytes.bigEndian(UInt16.self, at: 16),
      acknowledged: bytes.bigEndian(UInt16.self, at: 18))
    selective = 0..<0
    var next = bytes.byte(at: 1)
    var offset = UTPHeader.byteCount
    while next != 0 {
      guard offset + 2 <= bytes.byteCount else { return nil }
      let content = offset + 2..<offset + 2 + Int(bytes.byte(at: offset + 1))
      guard content.upperBound <= bytes.byteCount else { return nil }
      if next == SelectiveAcknowledgement.number {
        // Four at a time, says the BEP; libtorrent sends as many as it needs.
        selective = content
      } else if next == LargestDatagram.number, content.count == 8 {
        largestDatagram = LargestDatagram.read(bytes, at: content.lowerBound)
      }
      next = bytes.byte(at: offset)
      offset = content.upperBound
    }
    payload = offset..<bytes.byteCount
    if type != .data, !payload.isEmpty { payload = offset..<offset }
  }

  /// Whether a datagram may be one of this protocol, by its first bytes: for a port that others share. Those
  /// of the DHT begin with `d`, replies of trackers with three zero bytes.
  public static func isPrefix(_ bytes: RawSpan) -> Bool {
    bytes.byteCount >= UTPHeader.byteCount && bytes.byte(at: 0) & 15 == UTP.version
      && bytes.byte(at: 0) >> 4 <= 4
  }
}

/// The extension that tells which packets arrived behind one that is missing (BEP 29).
enum SelectiveAcknowledgement {
  static let number: UInt8 = 1
  /// Bytes of bits at most; the field of their count is a byte, and they come in fours.
  static let mostBytes = 128
}

/// The eight bytes of extension 2 (which other programs send as zeros, and do not look at): how large datagrams the
/// sender takes, behind four letters. Programs that do not say take what Ethernet carries; libtorrent cuts off what
/// is longer, without noticing.
///
/// The first extension of a packet must be 1 or 2: to older libutp what has another is not a packet.
enum LargestDatagram {
  static let number: UInt8 = 2
  static let byteCount = 10
  /// `APUS`.
  private static let mark: UInt32 = 0x4150_5553

  /// Writes the extension behind the header; `next` is the one that follows, 0 for none.
  static func write(_ value: Int, next: UInt8 = 0, to room: UnsafeMutableRawBufferPointer) {
    let start = UTPHeader.byteCount
    unsafe room[start] = next
    unsafe room[start + 1] = 8
    unsafe room.storeBytes(of: mark.bigEndian, toByteOffset: start + 2, as: UInt32.self)
    unsafe room.storeBytes(of: UInt32(clamping: value).bigEndian, toByteOffset: start + 6, as: UInt32.self)
  }

  /// What an extension 2 says; its content is at `offset`, eight bytes.
  static func read(_ bytes: RawSpan, at offset: Int) -> UInt32? {
    bytes.bigEndian(UInt32.self, at: offset) == mark ? bytes.bigEndian(UInt32.self, at: offset + 4) : nil
  }
}

/// Extensions that mean nothing and are passed over: they make a packet larger, to try out whether the path takes
/// it. If not, what it carried leaves again without them.
enum Padding {
  private static let number: UInt8 = 0xaa
  /// What one of them takes at most, its own two bytes included.
  private static let mostBytes = 257
  /// What they take together at least.
  static let leastBytes = LargestDatagram.byteCount + 2

  /// Fills `count` bytes behind the header, `leastBytes` or more; `largest` is told on the way.
  static func write(to room: UnsafeMutableRawBufferPointer, _ count: Int, largest: Int) {
    unsafe LargestDatagram.write(largest, next: number, to: room)
    var offset = UTPHeader.byteCount + LargestDatagram.byteCount
    let end = UTPHeader.byteCount + count
    unsafe UnsafeMutableRawBufferPointer(rebasing: room[offset..<end]).initializeMemory(
      as: UInt8.self, repeating: 0)
    while offset < end {
      var size = min(end - offset, mostBytes)
      // No single byte may be left over.
      if end - offset - size == 1 { size -= 1 }
      unsafe room[offset] = offset + size < end ? number : 0
      unsafe room[offset + 1] = UInt8(size - 2)
      offset += size
    }
  }
}
