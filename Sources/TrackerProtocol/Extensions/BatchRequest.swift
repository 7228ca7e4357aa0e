import Bencode
import Bytes
public import Digest

/// One request for all torrents of a node (X6): joins, renews and leaves many swarms at once. Sent as the body of
/// a POST to the announce URL.
public struct BatchRequest: Sendable, Equatable {
  /// What is said of one torrent.
  public struct Entry: Sendable, Equatable {
    /// The swarm.
    public var infoHash: InfoHash
    /// Why it is announced.
    public var event: AnnounceEvent
    /// As in `AnnounceRequest`.
    public var uploaded: UInt64
    /// As in `AnnounceRequest`.
    public var downloaded: UInt64
    /// As in `AnnounceRequest`.
    public var left: UInt64
    /// As in `AnnounceRequest`.
    public var wanted: Int?
    /// The `x_` keys of an announce, as a query; empty for none.
    public var query: [UInt8]

    /// An entry.
    public init(
      infoHash: InfoHash, event: AnnounceEvent = .regular, uploaded: UInt64 = 0, downloaded: UInt64 = 0,
      left: UInt64 = 0, wanted: Int? = nil, query: [UInt8] = []
    ) {
      self.infoHash = infoHash
      self.event = event
      self.uploaded = uploaded
      self.downloaded = downloaded
      self.left = left
      self.wanted = wanted
      self.query = query
    }
  }

  /// What is said of all torrents that the node has announced before and that are not listed.
  public enum Rest: String, Sendable, CaseIterable {
    /// Nothing.
    case none = ""
    /// They go on as they were.
    case renew
    /// The node leaves all of them.
    case stop
  }

  /// The node's peer id, 20 bytes, and its port.
  public var peerID: [UInt8]
  /// The port that it listens on.
  public var port: UInt16
  /// Proves later that it is the same node.
  public var key: UInt32?
  /// Torrents, in any order.
  public var entries: [Entry]
  /// What holds for the others.
  public var rest: Rest

  /// A batch.
  public init(
    peerID: [UInt8], port: UInt16, key: UInt32? = nil, entries: [Entry], rest: Rest = .none
  ) {
    self.peerID = peerID
    self.port = port
    self.key = key
    self.entries = entries
    self.rest = rest
  }

  /// The body: a dictionary whose `torrents` is a string of records, some 23 bytes each for a seed.
  public func encoded() -> [UInt8] {
    var records: [UInt8] = []
    records.reserveCapacity(entries.count * 32)
    for entry in entries { Self.append(entry, to: &records) }
    var body: Bencode = [
      "peer_id": .string(peerID), "port": .integer(Int64(port)), "torrents": .string(records),
    ]
    if let key { body["key"] = .integer(Int64(key)) }
    if rest != .none { body["rest"] = .text(rest.rawValue) }
    return body.encoded()
  }

  /// Reads a body; at most `limit` torrents. O(n).
  public init(_ bytes: [UInt8], limit: Int) throws(RequestFault) {
    let options = BencodeOptions(maximumDepth: 4, maximumItems: 64, allowsUnsortedKeys: true)
    guard let root = try? BencodeDocument(bytes, options: options).root else { throw .malformed("the body") }
    guard let peerID = root["peer_id"]?.string else { throw .missing("peer_id") }
    guard peerID.count == 20 else { throw .malformed("peer_id") }
    guard let port = root["port"]?.integer else { throw .missing("port") }
    guard let port = UInt16(exactly: port) else { throw .malformed("port") }
    guard port != 0 else { throw .portZero }
    let key = (root["key"]?.integer).flatMap { UInt32(exactly: $0) }
    let rest = Rest(rawValue: root["rest"]?.text ?? "") ?? .none
    self.init(peerID: peerID, port: port, key: key, entries: [], rest: rest)
    guard let records = root["torrents"]?.string else { return }
    var reader = RecordReader(records)
    while !reader.isAtEnd {
      guard entries.count < limit, let entry = Self.entry(&reader) else { throw .malformed("torrents") }
      entries.append(entry)
    }
  }

  // A record: the info-hash, flags, then what the flags name, each number in seven bits a byte. The low three bits
  // of the flags are the event: BEP 15's number, or 4.
  private static let paused: UInt8 = 4
  private static let hasCounters: UInt8 = 8
  private static let hasLeft: UInt8 = 16
  private static let hasWanted: UInt8 = 32
  private static let hasQuery: UInt8 = 64

  private static func append(_ entry: Entry, to records: inout [UInt8]) {
    var flags = entry.event == .paused ? paused : UInt8(entry.event.code)
    if entry.uploaded > 0 || entry.downloaded > 0 { flags |= hasCounters }
    if entry.left > 0 { flags |= hasLeft }
    if entry.wanted != nil { flags |= hasWanted }
    if !entry.query.isEmpty { flags |= hasQuery }
    entry.infoHash.append(to: &records)
    records.append(flags)
    if flags & hasCounters != 0 {
      records.append(sevenBits: entry.uploaded)
      records.append(sevenBits: entry.downloaded)
    }
    if flags & hasLeft != 0 { records.append(sevenBits: entry.left) }
    if let wanted = entry.wanted { records.append(sevenBits: UInt64(max(0, wanted))) }
    if flags & hasQuery != 0 {
      records.append(sevenBits: UInt64(entry.query.count))
      records.append(contentsOf: entry.query)
    }
  }

  private static func entry(_ reader: inout RecordReader) -> Entry? {
    guard let hash = reader.bytes(20).flatMap({ InfoHash($0) }), let flags = reader.byte(), flags < 128,
      flags & 7 <= paused
    else { return nil }
    let event = flags & 7 == paused ? AnnounceEvent.paused : AnnounceEvent(code: UInt32(flags & 7))
    var entry = Entry(infoHash: hash, event: event)
    if flags & hasCounters != 0 {
      guard let uploaded = reader.number(), let downloaded = reader.number() else { return nil }
      (entry.uploaded, entry.downloaded) = (uploaded, downloaded)
    }
    if flags & hasLeft != 0 {
      guard let left = reader.number() else { return nil }
      entry.left = left
    }
    if flags & hasWanted != 0 {
      guard let wanted = reader.number() else { return nil }
      entry.wanted = Int(clamping: wanted)
    }
    if flags & hasQuery != 0 {
      guard let count = reader.number(), let query = reader.bytes(Int(clamping: count)) else { return nil }
      entry.query = query
    }
    return entry
  }
}
