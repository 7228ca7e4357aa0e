import Addresses
import Bytes
import Digest

extension Message {
  /// The datagram. Keys are written in order as the format wants them.
  public func encoded() -> [UInt8] {
    var writer = MessageWriter()
    writer.open()
    switch content {
    case .query(let id, let query):
      writer.key("a")
      query.write(id: id, to: &writer)
    case .failure(let code, let text):
      writer.key("e")
      writer.bytes.append(utf8: "li\(code)e")
      writer.string(Array(text.utf8))
      writer.close()
    case .response: break
    }
    if let observed {
      writer.key("ip")
      writer.string(observed)
    }
    switch content {
    case .query(_, let query):
      writer.key("q")
      writer.string(query.method)
      if isReadOnly { writer.integer("ro", 1) }
    case .response(let response):
      writer.key("r")
      response.write(to: &writer)
    case .failure: break
    }
    writer.key("t")
    writer.string(transaction)
    if let version {
      writer.key("v")
      writer.string(version)
    }
    writer.key("y")
    switch content {
    case .query: writer.key("q")
    case .response: writer.key("r")
    case .failure: writer.key("e")
    }
    if padding > 0 {
      writer.key("z")
      writer.length(padding)
      writer.bytes.append(contentsOf: repeatElement(0, count: padding))
    }
    writer.close()
    return writer.bytes
  }
}

/// Writes bencoding front to back. Dictionaries are filled in the order of their keys.
struct MessageWriter {
  var bytes: [UInt8] = []

  init() { bytes.reserveCapacity(512) }

  mutating func open() { bytes.append(UInt8(ascii: "d")) }
  mutating func close() { bytes.append(UInt8(ascii: "e")) }

  mutating func key(_ key: StaticString) {
    length(key.utf8CodeUnitCount)
    key.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
  }

  mutating func length(_ count: Int) {
    if count >= 1000 { bytes.append(UInt8(ascii: "0") + UInt8(count / 1000 % 10)) }
    if count >= 100 { bytes.append(UInt8(ascii: "0") + UInt8(count / 100 % 10)) }
    if count >= 10 { bytes.append(UInt8(ascii: "0") + UInt8(count / 10 % 10)) }
    bytes.append(UInt8(ascii: "0") + UInt8(count % 10))
    bytes.append(UInt8(ascii: ":"))
  }

  mutating func string(_ content: [UInt8]) {
    length(content.count)
    bytes.append(contentsOf: content)
  }

  mutating func string(_ key: StaticString, _ content: [UInt8]?) {
    guard let content else { return }
    self.key(key)
    string(content)
  }

  mutating func string(_ endpoint: Endpoint) {
    length(Endpoint.compactSize(isV6: !endpoint.address.isV4))
    endpoint.appendCompact(to: &bytes)
  }

  mutating func id(_ key: StaticString, _ id: NodeID) {
    self.key(key)
    length(NodeID.byteCount)
    id.append(to: &bytes)
  }

  mutating func integer(_ key: StaticString, _ value: Int64?) {
    guard let value else { return }
    self.key(key)
    bytes.append(utf8: "i\(value)e")
  }

  mutating func raw(_ key: StaticString, _ encoded: [UInt8]?) {
    guard let encoded else { return }
    self.key(key)
    bytes.append(contentsOf: encoded)
  }

  mutating func want(_ families: AddressFamilies) {
    guard !families.isEmpty else { return }
    key("want")
    bytes.append(UInt8(ascii: "l"))
    if families.contains(.v4) { key("n4") }
    if families.contains(.v6) { key("n6") }
    close()
  }

  mutating func nodes(_ key: StaticString, _ nodes: [NodeAddress], isV6: Bool) {
    guard !nodes.isEmpty else { return }
    self.key(key)
    length(nodes.count * (NodeID.byteCount + Endpoint.compactSize(isV6: isV6)))
    for node in nodes {
      node.id.append(to: &bytes)
      node.endpoint.appendCompact(to: &bytes)
    }
  }
}

extension Query {
  fileprivate var method: [UInt8] {
    switch self {
    case .ping: Array("ping".utf8)
    case .findNode: Array("find_node".utf8)
    case .getPeers: Array("get_peers".utf8)
    case .announcePeer: Array("announce_peer".utf8)
    case .get: Array("get".utf8)
    case .put: Array("put".utf8)
    case .sampleInfohashes: Array("sample_infohashes".utf8)
    case .unknown(let method): method
    }
  }

  fileprivate func write(id: NodeID, to writer: inout MessageWriter) {
    writer.open()
    if case .put(let put) = self { writer.integer("cas", put.expectedSequence) }
    writer.id("id", id)
    switch self {
    case .ping, .unknown: break
    case .findNode(let target, let want), .sampleInfohashes(let target, let want):
      writer.id("target", target)
      writer.want(want)
    case .getPeers(let infoHash, let want, let noSeeds, let scrape):
      writer.id("info_hash", infoHash)
      if noSeeds { writer.integer("noseed", 1) }
      if scrape { writer.integer("scrape", 1) }
      writer.want(want)
    case .announcePeer(let announcement):
      writer.integer("implied_port", announcement.impliesPort ? 1 : 0)
      writer.id("info_hash", announcement.infoHash)
      writer.integer("port", Int64(announcement.port))
      if announcement.isSeed { writer.integer("seed", 1) }
      writer.string("token", announcement.token)
    case .get(let target, let sequence, let want):
      writer.integer("seq", sequence)
      writer.id("target", target)
      writer.want(want)
    case .put(let put):
      if case .mutable(let item) = put.item {
        writer.string("k", item.key)
        if !item.salt.isEmpty { writer.string("salt", item.salt) }
        writer.integer("seq", item.sequence)
        writer.string("sig", item.signature)
      }
      writer.string("token", put.token)
      writer.raw("v", put.item.value)
    }
    writer.close()
  }
}

extension Response {
  fileprivate func write(to writer: inout MessageWriter) {
    writer.open()
    writer.string("BFpe", peerFilter?.bytes)
    writer.string("BFsd", seedFilter?.bytes)
    writer.id("id", id)
    writer.integer("interval", sampleInterval)
    writer.string("k", key)
    writer.nodes("nodes", nodes, isV6: false)
    writer.nodes("nodes6", nodes6, isV6: true)
    writer.integer("num", sampleCount)
    if let samples {
      writer.key("samples")
      writer.length(samples.count * InfoHash.byteCount)
      for sample in samples { sample.append(to: &writer.bytes) }
    }
    writer.integer("seq", sequence)
    writer.string("sig", signature)
    writer.string("token", token)
    writer.raw("v", value)
    if !peers.isEmpty {
      writer.key("values")
      writer.bytes.append(UInt8(ascii: "l"))
      for peer in peers { writer.string(peer) }
      writer.close()
    }
    writer.close()
  }
}
