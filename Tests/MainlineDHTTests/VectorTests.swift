import Addresses
import Bytes
import Digest
import Testing

@testable import MainlineDHT

@Suite struct NodeIDTests {
  /// BEP 42's table: address, last byte, id.
  @Test(arguments: [
    ("124.31.75.21", 1, "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"),
    ("21.75.31.124", 86, "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"),
    ("65.23.51.170", 22, "a5d43220bc8f112a3d426c84764f8c2a1150e616"),
    ("84.124.73.14", 65, "1b0321dd1bb1fe518101ceef99462b947a01ff41"),
    ("43.213.53.83", 90, "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"),
  ])
  func idsBelongToAddresses(_ text: String, _ seed: Int, _ digits: String) throws {
    let address = try #require(IPAddress(text))
    let id = try #require(NodeID(hexadecimal: digits))
    #expect(id.isValid(for: address))
    #expect(!id.isValid(for: IPAddress(v4: address.v4 ^ 0x0100_0000)))
    let numbers = Numbers(seed: 1)
    let derived = NodeID.derived(from: address, seed: UInt8(seed)) { numbers.next() }
    #expect(derived.commonPrefix(with: id) >= 21)
    #expect(derived.bytes.last == UInt8(seed))
    #expect(derived.isValid(for: address))
  }

  @Test func idsOfIPv6AddressesAreTiedToTheirNetwork() throws {
    let numbers = Numbers(seed: 2)
    let address = try #require(IPAddress("2001:db8:85a3:1::5"))
    let id = NodeID.derived(from: address) { numbers.next() }
    #expect(id.isValid(for: address))
    let neighbour = try #require(IPAddress("2001:db8:85a3:1::99"))
    let stranger = try #require(IPAddress("2001:db8:85a2:1::5"))
    #expect(id.isValid(for: neighbour))
    #expect(!id.isValid(for: stranger))
  }

  @Test func privateAddressesAreExempt() throws {
    let id = try #require(NodeID(hexadecimal: String(repeating: "00", count: 20)))
    for text in ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fe80::1"] {
      let address = try #require(IPAddress(text))
      #expect(id.isValid(for: address))
    }
  }

  @Test func randomIDsShareAsManyBitsAsAskedFor() {
    let numbers = Numbers(seed: 3)
    let id = NodeID.random { numbers.next() }
    for length in 0..<160 {
      #expect(id.random(commonPrefix: length) { numbers.next() }.commonPrefix(with: id) == length)
    }
    #expect(id.commonPrefix(with: id) == 160)
  }
}

@Suite struct BloomFilterTests {
  /// BEP 33's vector: 256 IPv4 addresses and 1,000 IPv6 addresses.
  @Test func theVectorOfBEP33ComesOut() throws {
    var filter = BloomFilter()
    for last in 0..<256 { filter.insert(IPAddress(v4: 0xc000_0200 | UInt32(last))) }
    for last in 0..<1000 {
      filter.insert(try #require(IPAddress("2001:db8::\(String(last, radix: 16))")))
    }
    let expected =
      "f6c3f5eaa07ffd91bde89f777f26fb2bff37bdb8fb2bbaa2fd3ddde7bacfff75ee7ccbaefe5eedb1fbfaff67f6abff5e"
      + "43ddbca3fd9b9ffdf4ffd3e9dff12d1bdf59db53dbe9fa5b7ff3b8fdfcde1afb8bedd7be2f3ee71ebbbfe93bcdeefe14"
      + "8246c2bc5dbff7e7efdcf24fd8dc7adffd8fffdfddfff7a4bbeedf5cb95ce81fc7fcff1ff4ffffdfe5f7fdcbb7fd79b3"
      + "fa1fc77bfe07fff905b7b7ffc7fefeffe0b8370bb0cd3f5b7f2bd93feb4386cfdd6f7fd5bfaf2e9ebffffeecd67adbf7"
      + "c67f17efd5d75eba6ffeba7fff47a91eb1bfbb53e8abfb5762abe8ff237279bfefbfeef5ffc5febfdfe5adffadfee1fb"
      + "737ffffbfd9f6aeffeee76b6fd8f72ef"
    #expect(filter.bytes.hexadecimal == expected)
    #expect(abs(filter.estimatedCount - 1224.9308) < 0.0001)
  }

  @Test func anEmptyAndAFullFilterHaveSizes() throws {
    #expect(BloomFilter().estimatedCount == 0)
    let full = try #require(BloomFilter([UInt8](repeating: 255, count: 256)))
    #expect(full.estimatedCount > 7000 && full.estimatedCount < 8000)
    #expect(BloomFilter([1, 2, 3]) == nil)
  }
}

@Suite struct ItemTests {
  private let key = [UInt8](
    hexadecimal: "77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548")
  private let value = Array("12:Hello World!".utf8)

  /// BEP 44's first two vectors: salt, signature, target.
  @Test(arguments: [
    (
      "",
      "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff"
        + "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01",
      "4a533d47ec9c7d95b1ad75f576cffc641853b750"
    ),
    (
      "foobar",
      "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"
        + "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08",
      "411eba73b6f087ca51a3795d9c8c938d365e32c1"
    ),
  ])
  func mutableItemsAreSignedAsBEP44Says(_ salt: String, _ signature: String, _ target: String) throws {
    let signature = try #require([UInt8](hexadecimal: signature))
    let item = MutableItem(
      key: try #require(key), salt: Array(salt.utf8), sequence: 1, value: value, signature: signature)
    #expect(item.isValid)
    #expect(item.target.description == target)
    let changes = [
      MutableItem(key: item.key, salt: item.salt, sequence: 2, value: value, signature: signature),
      MutableItem(key: item.key, salt: [1], sequence: 1, value: value, signature: signature),
      MutableItem(key: item.key, salt: item.salt, sequence: 1, value: [1], signature: signature),
      MutableItem(key: [1], salt: item.salt, sequence: 1, value: value, signature: signature),
      MutableItem(key: item.key, salt: item.salt, sequence: 1, value: value, signature: [1]),
    ]
    for change in changes { #expect(!change.isValid) }
  }

  /// BEP 44's third vector.
  @Test func immutableItemsAreStoredUnderTheirDigest() {
    #expect(Item.immutable(value).target.description == "e5f96f6f38320f0f33959cb4d3d656452117aadb")
  }

  /// BEP 46's vectors.
  @Test func magnetsOfKeysLeadToTargets() throws {
    let key = try #require(
      [UInt8](hexadecimal: "8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e"))
    #expect(MutableItem.target(key: key).description == "cc3f9d90b572172053626f9980ce261a850d050b")
    let salted = MutableItem.target(key: key, salt: [0x6e])
    #expect(salted.description == "59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f")
  }

  /// RFC 8032, 7.1, test 2.
  @Test func signaturesAreThoseOfEd25519() throws {
    let seed = try #require(
      [UInt8](hexadecimal: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    let key = try #require(Ed25519.publicKey(seed: seed))
    #expect(key.hexadecimal == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    let signature = try #require(Ed25519.sign([0x72], seed: seed))
    #expect(
      signature.hexadecimal == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
    #expect(Ed25519.isValid(signature, of: [0x72], by: key))
    #expect(!Ed25519.isValid(signature, of: [0x73], by: key))
    #expect(Ed25519.publicKey(seed: [1, 2]) == nil)
  }

  @Test func whatIsSignedHereIsValid() throws {
    let seed = [UInt8](repeating: 7, count: 32)
    let item = try #require(MutableItem(signing: value, salt: [1, 2], sequence: 9, seed: seed))
    #expect(item.isValid)
    #expect(MutableItem(signing: value, sequence: 9, seed: [1]) == nil)
  }
}
