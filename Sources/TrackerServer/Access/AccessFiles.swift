import Bytes
import Digest

/// Reads the files of lists: one entry a line, `#` starts a comment, empty lines do not count.
enum AccessFiles {
  /// Something that is wrong with a line.
  struct Fault: Error, Equatable {
    /// From 1.
    let line: Int
    let problem: String
  }

  /// Info-hashes: 40 hexadecimal digits, or the 64 of BitTorrent v2, of which trackers see the first 40. What
  /// follows a blank is a remark.
  static func infoHashes(_ bytes: [UInt8]) throws(Fault) -> [InfoHash] {
    var hashes: [InfoHash] = []
    try forEachLine(bytes) { number, words throws(Fault) in
      guard let word = words.first else { return }
      guard word.count == 40 || word.count == 64, let raw = [UInt8](hexadecimal: word),
        let hash = InfoHash(Array(raw.prefix(20)))
      else {
        throw Fault(line: number, problem: "'\(shown(word))' is no info-hash of 40 or 64 hexadecimal digits")
      }
      hashes.append(hash)
    }
    return hashes
  }

  /// Passkeys: 32 hexadecimal digits, then perhaps `torrents=N`, `addresses=N` and remarks.
  static func members(
    _ bytes: [UInt8], torrents: Int, addresses: Int
  ) throws(Fault) -> [PasskeyBook.Member] {
    var members: [PasskeyBook.Member] = []
    try forEachLine(bytes) { number, words throws(Fault) in
      guard let word = words.first else { return }
      // The digits are a secret: what is wrong is told without them.
      guard let passkey = Passkey(word.utf8) else {
        throw Fault(line: number, problem: "the passkey is not 32 hexadecimal digits")
      }
      var member = PasskeyBook.Member(passkey: passkey, torrents: torrents, addresses: addresses)
      for word in words.dropFirst() {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, ["torrents", "addresses"].contains(parts[0]) else { continue }
        guard let cap = Int(parts[1]), (0...maximumCap).contains(cap) else {
          throw Fault(line: number, problem: "\(parts[0])= takes a number from 0 to \(maximumCap)")
        }
        if parts[0] == "torrents" { member.torrents = cap } else { member.addresses = cap }
      }
      members.append(member)
    }
    return members
  }

  /// The largest cap of a passkey: what is in use is looked through at every announce.
  static let maximumCap = 10_000

  private static func forEachLine(
    _ bytes: [UInt8], _ body: (Int, [Substring]) throws(Fault) -> Void
  ) throws(Fault) {
    var number = 0
    for line in bytes.split(separator: 0x0a, omittingEmptySubsequences: false) {
      number += 1
      let content = line.prefix { $0 != UInt8(ascii: "#") }
      let text = String(decoding: content.prefix(1024), as: UTF8.self)
      try body(number, text.split { $0 == " " || $0 == "\t" || $0 == "\r" })
    }
  }

  private static func shown(_ word: Substring) -> String {
    let start = word.prefix(44)
    return start.count < word.count ? start + "…" : String(start)
  }
}
