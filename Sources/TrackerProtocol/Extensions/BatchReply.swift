public import Addresses
import Bencode
import Bytes

/// What a tracker answers to a `BatchRequest`: one result a torrent, in the order of the request.
public struct BatchReply: Sendable, Equatable {
  /// What became of one torrent.
  public enum Result: Sendable, Equatable {
    /// Entered, renewed or left; with counts, peers and extensions, but no intervals.
    case reply(AnnounceReply)
    /// Refused, for this reason.
    case refused(String)
  }

  /// As in `AnnounceReply`: for all torrents of the batch.
  public var interval: Int
  /// As in `AnnounceReply`.
  public var minimumInterval: Int?
  /// As in `AnnounceReply`.
  public var externalAddress: IPAddress?
  /// Torrents of the node that the tracker remembers, for which `rest` holds in the next batch; 0 if it does not
  /// know the node and wants to hear all of them.
  public var remembered: Int
  /// The results.
  public var results: [Result]

  /// A reply.
  public init(
    interval: Int, minimumInterval: Int? = nil, externalAddress: IPAddress? = nil, remembered: Int = 0,
    results: [Result] = []
  ) {
    self.interval = interval
    self.minimumInterval = minimumInterval
    self.externalAddress = externalAddress
    self.remembered = remembered
    self.results = results
  }

  /// The bencoded reply.
  public func encoded() -> [UInt8] {
    var records: [UInt8] = []
    records.reserveCapacity(results.count * 8)
    for result in results { Self.append(result, to: &records) }
    var body: Bencode = [
      "interval": .integer(Int64(interval)), "remembered": .integer(Int64(remembered)),
      "results": .string(records),
    ]
    if let minimumInterval { body["min interval"] = .integer(Int64(minimumInterval)) }
    if let externalAddress { body["external ip"] = .string(externalAddress.bytes) }
    return body.encoded()
  }

  private static func append(_ result: Result, to records: inout [UInt8]) {
    switch result {
    case .refused(let reason):
      let text = Array(reason.utf8.prefix(200))
      records.append(1)
      records.append(sevenBits: UInt64(text.count))
      records.append(contentsOf: text)
    case .reply(let reply):
      records.append(reply.extensions == nil ? 0 : 2)
      records.append(sevenBits: UInt64(max(0, reply.seeds ?? 0)))
      records.append(sevenBits: UInt64(max(0, reply.leeches ?? 0)))
      records.append(sevenBits: UInt64(reply.peersV4.count / 6))
      records.append(contentsOf: reply.peersV4)
      records.append(sevenBits: UInt64(reply.peersV6.count / 18))
      records.append(contentsOf: reply.peersV6)
      guard let extensions = reply.extensions else { return }
      let bytes = extensions.bencode.encoded()
      records.append(sevenBits: UInt64(bytes.count))
      records.append(contentsOf: bytes)
    }
  }

  /// Reads a tracker's answer. Throws `refused` for a `failure reason`. O(n).
  public init(_ bytes: [UInt8]) throws(TrackerFault) {
    let root = try TrackerFault.dictionary(bytes)
    guard let records = root["results"]?.string else { throw .malformed("it has no results") }
    self.init(
      interval: Int(clamping: max(0, root["interval"]?.integer ?? AnnounceReply.usualInterval)),
      minimumInterval: (root["min interval"]?.integer).map { Int(clamping: max(0, $0)) },
      remembered: Int(clamping: max(0, root["remembered"]?.integer ?? 0)))
    if let address = root["external ip"]?.string, address.count == 4 || address.count == 16 {
      externalAddress = IPAddress(address.rawBytes, at: 0, isV6: address.count == 16)
    }
    var reader = RecordReader(records)
    while !reader.isAtEnd {
      guard let result = result(&reader) else { throw .malformed("a result is cut off") }
      results.append(result)
    }
  }

  private func result(_ reader: inout RecordReader) -> Result? {
    guard let kind = reader.byte(), kind < 3 else { return nil }
    if kind == 1 {
      guard let count = reader.number(), let text = reader.bytes(Int(clamping: count)) else { return nil }
      return .refused(String(decoding: text.prefix(512), as: UTF8.self))
    }
    guard let seeds = reader.number(), let leeches = reader.number() else { return nil }
    var reply = AnnounceReply(
      interval: interval, minimumInterval: minimumInterval, seeds: Int(clamping: seeds),
      leeches: Int(clamping: leeches), externalAddress: externalAddress)
    for isV6 in [false, true] {
      let size = Endpoint.compactSize(isV6: isV6)
      guard let count = reader.number(), count <= UInt64(AnnounceReply.maximumPeers),
        let peers = reader.bytes(Int(count) * size)
      else { return nil }
      for endpoint in AnnounceReply.endpoints(peers, isV6: isV6) { reply.take(endpoint) }
    }
    guard kind == 2 else { return .reply(reply) }
    guard let count = reader.number(), let bytes = reader.bytes(Int(clamping: count)) else { return nil }
    let options = BencodeOptions(maximumDepth: 4, maximumItems: 4096, allowsUnsortedKeys: true)
    if let root = try? BencodeDocument(bytes, options: options).root {
      reply.extensions = ReplyExtensions(root)
    }
    return .reply(reply)
  }
}
