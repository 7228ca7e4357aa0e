import Bencode
import Bytes
import Digest

/// What reading the parts of a torrent has in common.
enum MetainfoReader {
  /// Decodes `bytes` within `limits`. Keys may stand in any order: the dictionary is hashed as it came.
  static func document(_ bytes: [UInt8], limits: MetainfoLimits) throws(MetainfoError) -> BencodeDocument {
    guard bytes.count <= limits.maximumBytes else {
      throw .tooLarge(bytes: bytes.count, limit: limits.maximumBytes)
    }
    do {
      return try BencodeDocument(
        bytes,
        options: BencodeOptions(
          maximumDepth: limits.maximumDepth, maximumItems: 1 << 25, allowsUnsortedKeys: true))
    } catch {
      throw .bencode(error)
    }
  }

  /// A text that must be a string if it is there; what is not UTF-8 in it is replaced.
  static func text(
    _ dictionary: BencodeValue, _ key: String, limits: MetainfoLimits
  ) throws(MetainfoError) -> String? {
    guard let value = dictionary[key] else { return nil }
    guard let range = value.stringRange else { throw .wrongType(key: key, expected: "a string") }
    guard range.count <= limits.maximumTextBytes else {
      throw .textTooLong(key: key, limit: limits.maximumTextBytes)
    }
    return String(decoding: value.string ?? [], as: UTF8.self)
  }

  /// A number that must be an integer if it is there.
  static func integer(_ dictionary: BencodeValue, _ key: String) throws(MetainfoError) -> Int64? {
    guard let value = dictionary[key] else { return nil }
    guard let integer = value.integer else { throw .wrongType(key: key, expected: "an integer") }
    return integer
  }

  /// The info-hashes under `similar` (BEP 38).
  static func similar(
    _ dictionary: BencodeValue, limits: MetainfoLimits
  ) throws(MetainfoError) -> [InfoHash] {
    var hashes: [InfoHash] = []
    for element in try list(dictionary, "similar", limit: limits.maximumHints) {
      if let hash = element.string.flatMap({ InfoHash($0) }) { hashes.append(hash) }
    }
    return hashes
  }

  /// The names under `collections` (BEP 38).
  static func collections(
    _ dictionary: BencodeValue, limits: MetainfoLimits
  ) throws(MetainfoError) -> [String] {
    var names: [String] = []
    for element in try list(dictionary, "collections", limit: limits.maximumHints) {
      guard let name = element.text else { continue }
      guard name.utf8.count <= limits.maximumTextBytes else {
        throw .textTooLong(key: "collections", limit: limits.maximumTextBytes)
      }
      names.append(name)
    }
    return names
  }

  private static func list(
    _ dictionary: BencodeValue, _ key: String, limit: Int
  ) throws(MetainfoError) -> [BencodeValue] {
    guard let list = dictionary[key]?.list else { return [] }
    guard list.count <= limit else { throw .tooManyHints(key: key, limit: limit) }
    return list
  }
}
