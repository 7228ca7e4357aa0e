import Addresses
import Bytes
public import Digest

/// The first four bytes of what a UDP tracker sends and the third four of what it gets (BEP 15).
enum UDPTrackerAction {
  static let connect: UInt32 = 0
  static let announce: UInt32 = 1
  static let scrape: UInt32 = 2
  static let error: UInt32 = 3
}

/// What a client asks a UDP tracker (BEP 15).
public enum UDPTrackerRequest: Sendable, Equatable {
  /// For a connection id, which shows that the client is where its datagrams say.
  case connect
  /// An announce; `data` is path and query of the tracker's URL (BEP 41).
  case announce(AnnounceRequest, connection: UInt64, data: [UInt8])
  /// A scrape of at most `maximumScrape` swarms.
  case scrape([InfoHash], connection: UInt64)

  /// Swarms that one datagram can ask for.
  public static let maximumScrape = 74
  static let magic: UInt64 = 0x417_2710_1980

  /// The datagram.
  public func encoded(transaction: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    switch self {
    case .connect:
      bytes.append(bigEndian: Self.magic)
      bytes.append(bigEndian: UDPTrackerAction.connect)
      bytes.append(bigEndian: transaction)
    case .announce(let request, let connection, let data):
      bytes.append(bigEndian: connection)
      bytes.append(bigEndian: UDPTrackerAction.announce)
      bytes.append(bigEndian: transaction)
      Self.append(request, to: &bytes)
      for start in stride(from: 0, to: data.count, by: 255) {
        let part = data[start..<min(start + 255, data.count)]
        bytes.append(2)
        bytes.append(UInt8(part.count))
        bytes.append(contentsOf: part)
      }
    case .scrape(let hashes, let connection):
      bytes.append(bigEndian: connection)
      bytes.append(bigEndian: UDPTrackerAction.scrape)
      bytes.append(bigEndian: transaction)
      for hash in hashes.prefix(Self.maximumScrape) { bytes.append(contentsOf: hash.bytes) }
    }
    return bytes
  }

  private static func append(_ request: AnnounceRequest, to bytes: inout [UInt8]) {
    bytes.append(contentsOf: request.infoHash.bytes)
    bytes.append(contentsOf: request.peerID)
    bytes.append(bigEndian: request.downloaded)
    bytes.append(bigEndian: request.left)
    bytes.append(bigEndian: request.uploaded)
    bytes.append(bigEndian: request.event.code)
    // The tracker takes the address that the datagram comes from.
    bytes.append(bigEndian: UInt32(0))
    bytes.append(bigEndian: request.key ?? 0)
    bytes.append(bigEndian: request.wanted.map { Int32(clamping: $0) } ?? -1)
    bytes.append(bigEndian: request.port)
  }

  /// Reads a client's datagram; `nil` if it is none. Unknown events are regular announces, unknown options
  /// (BEP 41) are passed over. O(n).
  public static func decode(_ bytes: RawSpan) -> (request: UDPTrackerRequest, transaction: UInt32)? {
    guard bytes.byteCount >= 16 else { return nil }
    let connection = bytes.bigEndian(UInt64.self, at: 0)
    let transaction = bytes.bigEndian(UInt32.self, at: 12)
    switch bytes.bigEndian(UInt32.self, at: 8) {
    case UDPTrackerAction.connect:
      return connection == magic ? (.connect, transaction) : nil
    case UDPTrackerAction.announce:
      guard bytes.byteCount >= 98 else { return nil }
      return (.announce(announce(bytes), connection: connection, data: options(bytes)), transaction)
    case UDPTrackerAction.scrape:
      var hashes: [InfoHash] = []
      for offset in stride(from: 16, through: bytes.byteCount - 20, by: 20).prefix(maximumScrape) {
        hashes.append(InfoHash(bytes, at: offset))
      }
      return (.scrape(hashes, connection: connection), transaction)
    default: return nil
    }
  }

  private static func announce(_ bytes: RawSpan) -> AnnounceRequest {
    let wanted = bytes.bigEndian(Int32.self, at: 92)
    return AnnounceRequest(
      infoHash: InfoHash(bytes, at: 16), peerID: bytes.array(36..<56),
      port: bytes.bigEndian(UInt16.self, at: 96),
      uploaded: bytes.bigEndian(UInt64.self, at: 72), downloaded: bytes.bigEndian(UInt64.self, at: 56),
      left: bytes.bigEndian(UInt64.self, at: 64),
      event: AnnounceEvent(code: bytes.bigEndian(UInt32.self, at: 80)),
      wanted: wanted < 0 ? nil : Int(wanted), key: bytes.bigEndian(UInt32.self, at: 88))
  }

  /// Path and query, from as many options as they were split over.
  private static func options(_ bytes: RawSpan) -> [UInt8] {
    var data: [UInt8] = []
    var offset = 98
    while offset < bytes.byteCount {
      let type = bytes.byte(at: offset)
      if type == 0 { break }
      offset += 1
      if type == 1 { continue }
      guard offset < bytes.byteCount else { break }
      let end = offset + 1 + Int(bytes.byte(at: offset))
      guard end <= bytes.byteCount else { break }
      if type == 2 { data += bytes.array(offset + 1..<end) }
      offset = end
    }
    return data
  }
}

extension AnnounceEvent {
  /// BEP 15 numbers four events; a partial seed (BEP 21) has none of its own there.
  var code: UInt32 {
    switch self {
    case .regular, .paused: 0
    case .completed: 1
    case .started: 2
    case .stopped: 3
    }
  }

  init(code: UInt32) {
    self =
      switch code {
      case 1: .completed
      case 2: .started
      case 3: .stopped
      default: .regular
      }
  }
}
