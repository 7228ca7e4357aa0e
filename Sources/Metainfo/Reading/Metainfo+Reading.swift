import Bencode
import Bytes
import Digest

extension Metainfo {
  static func hint(
    _ root: BencodeValue, _ key: String, _ limits: MetainfoLimits
  ) throws(MetainfoError) -> String? {
    guard root[key]?.stringRange != nil else { return nil }
    return try MetainfoReader.text(root, key, limits: limits)
  }

  static func trackers(
    _ root: BencodeValue, _ limits: MetainfoLimits
  ) throws(MetainfoError) -> [[String]] {
    var tiers: [[String]] = []
    var count = 0
    for tier in root["announce-list"]?.list ?? [] {
      var addresses: [String] = []
      for element in tier.list ?? [] {
        guard let address = try address(element, "announce-list", limits) else { continue }
        count += 1
        guard count <= limits.maximumTrackers else {
          throw .tooManyTrackers(limit: limits.maximumTrackers)
        }
        addresses.append(address)
      }
      if !addresses.isEmpty { tiers.append(addresses) }
    }
    // BEP 12: `announce` counts only where there is no list.
    if tiers.isEmpty, let value = root["announce"], let only = try address(value, "announce", limits) {
      tiers = [[only]]
    }
    return tiers
  }

  static func webSeeds(
    _ root: BencodeValue, _ limits: MetainfoLimits
  ) throws(MetainfoError) -> [String] {
    guard let value = root["url-list"] else { return [] }
    let elements = value.list ?? [value]
    guard elements.count <= limits.maximumWebSeeds else {
      throw .tooManyWebSeeds(limit: limits.maximumWebSeeds)
    }
    var seeds: [String] = []
    for element in elements {
      if let seed = try address(element, "url-list", limits) { seeds.append(seed) }
    }
    return seeds
  }

  static func nodes(_ root: BencodeValue, _ limits: MetainfoLimits) throws(MetainfoError) -> [Node] {
    guard let elements = root["nodes"]?.list else { return [] }
    guard elements.count <= limits.maximumNodes else {
      throw .tooManyNodes(limit: limits.maximumNodes)
    }
    var nodes: [Node] = []
    for element in elements {
      guard let pair = element.list, pair.count == 2, let host = pair[0].text, !host.isEmpty,
        let port = pair[1].integer.flatMap({ UInt16(exactly: $0) }), port > 0
      else { continue }
      guard host.utf8.count <= limits.maximumURLBytes else {
        throw .addressTooLong(key: "nodes", limit: limits.maximumURLBytes)
      }
      nodes.append(Node(host: host, port: port))
    }
    return nodes
  }

  /// An address, or `nil` if the value is none: not text, empty, or with blanks or controls in it.
  private static func address(
    _ value: BencodeValue, _ key: String, _ limits: MetainfoLimits
  ) throws(MetainfoError) -> String? {
    guard let text = value.text, !text.isEmpty else { return nil }
    guard text.utf8.count <= limits.maximumURLBytes else {
      throw .addressTooLong(key: key, limit: limits.maximumURLBytes)
    }
    return text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f } ? text : nil
  }

  static func layers(_ root: BencodeValue, _ info: Info) throws(MetainfoError) -> PieceLayers {
    var layers = PieceLayers()
    guard info.version.hasV2, let value = root["piece layers"] else { return layers }
    guard let members = value.members else {
      throw .wrongType(key: "piece layers", expected: "a dictionary")
    }
    let hasher = SHA256()
    let level = MerkleTree.level(info.pieceLength)
    for (key, value) in members {
      let name = key.string ?? []
      guard let fileRoot = SHA256Digest(name), let file = info.fileIndex(ofRoot: fileRoot),
        info.files[file].pieces.count > 1
      else { throw .unknownLayer(root: name.hexadecimal) }
      let count = info.files[file].pieces.count
      guard var row = value.string else {
        throw .wrongType(key: "piece layers", expected: "a dictionary of strings")
      }
      let expected = count * SHA256Digest.byteCount
      guard row.count == expected else {
        throw .invalidLayer(root: fileRoot, expected: expected, found: row.count)
      }
      let layer = (0..<count).map { SHA256Digest(row.rawBytes, at: $0 * SHA256Digest.byteCount) }
      let found = MerkleTree.root(&row, width: MerkleTree.width(count), level: level, hasher)
      guard found == fileRoot else { throw .layerMismatch(root: fileRoot) }
      layers[fileRoot] = layer
    }
    return layers
  }
}
