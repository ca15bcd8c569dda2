"""Fonts, printed and like handwriting: for training, and others for evaluation only.

All are Fontsource's packages of Google Fonts families, each under its own open licence. No family is in both parts, and
no design either (Caveat and Caveat Brush are one design).
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.arrays import Ink
from training.datasets.downloads import NpmPackage, load_files

Font = ImageFont.FreeTypeFont
Families = Mapping[str, tuple[str, str]]  # a family's name: the version and the SHA-256 of its package

EM_SIZE = 256  # pixels: characters are rendered at this size and then reduced


def load_fonts(families: Families) -> dict[str, Font]:
    """The regular weight of each family, with the Latin letters and digits. Raises `PackageError`."""
    return {name: load_font(name, version, sha256) for name, (version, sha256) in families.items()}


def load_font(name: str, version: str, sha256: str) -> Font:
    (content,) = load_files(NpmPackage(f"@fontsource/{name}", version, sha256), f"files/{name}-latin-400-normal.woff")
    return ImageFont.truetype(io.BytesIO(content), EM_SIZE)


def render_character(font: Font, character: str, height: int) -> Ink:
    """(height, W): the character, cropped to its ink and resized to `height` pixels."""
    canvas = Image.new("L", (3 * EM_SIZE, 3 * EM_SIZE))  # some characters extend far beyond their em (Rock Salt)
    ImageDraw.Draw(canvas).text((EM_SIZE, 2 * EM_SIZE), character, font=font, fill=255, anchor="ls")
    ink = np.asarray(canvas.crop(canvas.getbbox()))
    size = (max(1, round(ink.shape[1] * height / len(ink))), height)
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), np.uint8)


TRAINING_PRINTED: Families = {
    "abril-fatface": ("5.3.0", "261304489f1ad9509af041947230865e79ae1e7c75c330b75d42d67a5c4a8aff"),
    "alegreya": ("5.3.0", "8b339fcef25323b402466275bdcc821ad2b4ffada37a9c87ccf196dc38cff667"),
    "anton": ("5.3.0", "796d0b1b7a503636458c0869ef9993659411c86443a4e4e7555ead4b29293db4"),
    "archivo": ("5.3.0", "d3b7622d8446bf81dc31ac49f2e305a6d6439a92971f8116abde2e9792f5c440"),
    "arvo": ("5.3.0", "619c0fe2044237e0acb68c1b7139c53d2060b5189c789066c8af7960d26ceb53"),
    "asap": ("5.3.0", "0f8f8b540101429abb84a031f9403b65a49f330ae8baa4e07718dccfeb1cf11e"),
    "barlow": ("5.3.0", "8ad808291f807367d10eadf915791608bd04cc393882e7e86e290daeeadd843c"),
    "bitter": ("5.3.0", "f907568dce71e70601cc2ef3ecd4f72d7721a12dad358d8fb4b58ffb55a72efb"),
    "cabin": ("5.3.0", "4734d4962801bf995ee96f4c3d47bba1d8c3302b1d7b47c9ecec69cdd75a21ac"),
    "cantarell": ("5.3.0", "3fc93297516406f89df010a655169b95019563a653dfd6225b562c1e5d54a961"),
    "cinzel": ("5.3.0", "b80629f715b4603fd099c0ceaa94cc7a15308a75a9cf52f0613a312ee6d53c28"),
    "comfortaa": ("5.3.0", "5c82d14fe6efc746213748a2835b7aa7b6e07409f1611eaee52eb25e0bdfcca6"),
    "crimson-text": ("5.3.0", "9ca1f89ed823a36d15fdb8d4883798955cd43b4ead4a15b305e76cf8429f0ca4"),
    "domine": ("5.3.0", "4cca29c4b834e11f6419ba622097fad411938e5b110ddff51260faef6d2565f9"),
    "dosis": ("5.3.0", "201712f93c17a736f242bdf53fb27df2dc84f83752b6cab5be6ffdb71edba6e9"),
    "eb-garamond": ("5.3.0", "2e61af0740104953d4fc5cb52a8c6de257ae6d83a4a89e0fd4be2f6132fd40d9"),
    "exo-2": ("5.3.0", "82ef50ecfba884505fc37362224db4c453ffd81956354436aac491938dec83b5"),
    "fira-mono": ("5.3.0", "f33fe653fa622c4fc5b179c6649e37c6f44ff46067377de9a948cdc486863ba3"),
    "inconsolata": ("5.3.0", "d34e446cb20ca819c3bc2795ff7dd1f071a4a7a6f8a38518af3b47144b5e06d9"),
    "josefin-sans": ("5.3.0", "a89f83ae9d414f027af83546b84e09ac81e960024dfdeea3bcb491e8ed52a962"),
    "karla": ("5.3.0", "c7f1cdea4f386d5a9f259c6b01fa46412a3955110ecc56d886a3e4c5b8d67b8e"),
    "libre-baskerville": ("5.3.0", "5e1a5fe2e28c4269112aa33ff46f80034551d2a9820b2d002afe3305fa8e1ea4"),
    "lora": ("5.3.0", "3f2e66b0934b8652bb1a37645a9fc3e77e83b5841a09e97174e7bb11e11063c9"),
    "merriweather": ("5.3.0", "348f20a775e50a50b508ab6660771df6905ab2ea695c6c2a8df889c5cceec42f"),
    "montserrat": ("5.3.0", "919dce59bbe45ace8a517c1e9de5076282bfeb97e8aa8f5f2dc989451c14c7cb"),
    "nunito": ("5.3.0", "4d8e1fb4f4a40c125c7a302b21e5c6810b86569b60bac0fa0405c04380f4c77b"),
    "oswald": ("5.3.0", "27bf46420288bb65bd186638cde54686aa8f9d5dc975b1d597dfe81a7dd472cb"),
    "oxygen": ("5.3.0", "8e686d690aba7284bf3d8d862b67d498db49c95508848ee13e8c929130663140"),
    "playfair-display": ("5.3.0", "564e61951ecc3e962793cd50395f718cda6350cb934f9000dbe0139c768dc023"),
    "pt-serif": ("5.3.0", "656a3f5ab62846715a6e933a1a850514c6b7aed018de6b0443f1a44ee77d7fd5"),
    "quicksand": ("5.3.0", "237b3cc84bf92c235e17f11fcb54e8a889efeaed9a7bff4bacce8cb422e0a403"),
    "roboto": ("5.3.0", "77620f437249772e381698224ea1bddd01c985ecd60267a63ddc96b9eb9348f7"),
    "rubik": ("5.3.0", "3f34e5588fcd07e01f1a5d667e5df1a6b287aeefba5b6e46f892131009a0db6a"),
    "share-tech-mono": ("5.3.0", "126fd40c9a7a53bfb224d24b8fd382412d48d9be1daefbe7726af0972a08980a"),
    "source-code-pro": ("5.3.1", "52ff8925aa275d3d28b745760ab78e9ac11276a477c909f1a8e703e0902afcc4"),
    "tinos": ("5.3.0", "218a9f3dfc1f43e595835ba84ffb1f69723f27cab54a50b5acd64c0fe067dbe2"),
    "titillium-web": ("5.3.0", "5fc8c4f850e693046d88a7a4a34236aaadae6713b79547cb5680ff3c2e08b45b"),
    "ubuntu": ("5.3.0", "d69a09b1f2dcf4e470da62fd9c767175d957eb77d1e56767c94357abd3d48287"),
    "work-sans": ("5.3.0", "b1b1c5a7d7ae2a721e0a9235bfa294281d161a20934e9ede01e0aec2bdb2373a"),
    "zilla-slab": ("5.3.0", "b7db2f40f3aaeb44c0e1dfe3da1e5de96d177a674ffe5e5e012c59b6a01e8aab"),
}

TEST_PRINTED: Families = {
    "catamaran": ("5.3.0", "ef22e81ca1224c6ed423ff4b40a4ced657f59310f1db53783e10d45aad2d084a"),
    "courier-prime": ("5.3.0", "fd204a077d81426e1425baed6d471ad78a8eccca931091e661637bb10b5f2724"),
    "dm-serif-display": ("5.3.0", "ddfb21109ee8a7c82703527f1f2df378511d0d5161410eb345bb4a893c9fca4c"),
    "hind": ("5.3.0", "505472ad5db58d62fbb9f755d110f0b6023f1b835be0d87c1b5ef69dd7879bb1"),
    "ibm-plex-mono": ("5.3.0", "60d3c0cfa549cb06fcb8867ee83f994d78e212abfac3bef3275436acb5c4d029"),
    "inter": ("5.3.0", "02034af8d41dcc67ac8eab88f642e129bb8a2e8922abf30229c32725f54d8fd6"),
    "lato": ("5.3.0", "50db251f16e9a6c35fe0177b4692b7ec78478b9734c9272d980a75343638aa5c"),
    "libre-franklin": ("5.3.0", "8c2f1a01cf1d38fc38da4818248e699d22a069ad947f319c5cbacec4a5bb01c7"),
    "mukta": ("5.3.0", "9a699204ffbab1151e098a9d28b2ad28bf47aa26207a9d19b7737f4acb40dc0f"),
    "noto-serif": ("5.3.0", "846d219c2c9c668ebe2b5ca0e76c403a35f847d83c4c441c107f9bdc152830df"),
    "old-standard-tt": ("5.3.0", "21aa9a282a2d5643bb538da8886d69283aeed096d81d31ebc81fd84230564878"),
    "open-sans": ("5.3.0", "95e6dd90f5860d0de22f791b6d802598743762c62e4894bfa26f80b1ea0cf3f5"),
    "overpass": ("5.3.0", "1199885e2bc5353f2927cd457dc6d404c75c57356251f217ecd58c621abd234d"),
    "poppins": ("5.3.0", "f4779bb12acaaa07dc7dd8da82ab0f61515fea2f30664535f7a249eeb0dd5bcf"),
    "raleway": ("5.3.0", "d5dc5cb4563286e45c5b832b0718fa36d84148405cf6f5d1903615a74d253ea8"),
    "signika": ("5.3.0", "69ba93ec7e0641debcf79de9f9b52ac9d964f3154d1c77bff430b7d91da8089e"),
    "slabo-27px": ("5.3.0", "301e8b2ae58ea54e15d93c89ef89cc99330dda6cd6c82d05c555cbaf21996bc3"),
    "space-mono": ("5.3.0", "e0cd78cb7aa93e772905297d8d5ad2a3d9eea7a6a12f281a3940a28ec01c19eb"),
    "teko": ("5.3.0", "ed90afc402c7939762eaf2a10cda3418187faecfef021f59fc8ea3eee94bc7ea"),
    "vollkorn": ("5.3.0", "846426144650599d7d19f5be1808c7dfebd0b6a5beb3ebcda975fd07bbaba85e"),
}

TRAINING_HANDWRITING: Families = {
    "amatic-sc": ("5.3.0", "76e588455c315b57c558b8ad2bafd1c91cc7c764a6333f6bb5a3dcc4a35c390c"),
    "architects-daughter": ("5.3.0", "791d2009fbdc46ca3eb942c27c62c0ee353668cd290dfad17f401b8488c727a1"),
    "bad-script": ("5.3.0", "3b51fb49d57c31345272b0d483be17ec99d67a3e6baf06d462b800fd6d9478cd"),
    "caveat": ("5.3.0", "ebf746fc0667b9d10fcac7c8604e2ba40a264da85a1c9b48bd679c0af3221293"),
    "caveat-brush": ("5.3.0", "90bdf6714e7152db9b03cd62ec69fe6ff96efe4ba30eacef71b40e7492a53089"),
    "cedarville-cursive": ("5.3.0", "dd07000aae10231af25d83ab5ea2c53a22a8c20d8eccc137d6e5798a55edc80e"),
    "coming-soon": ("5.3.0", "aac84961066a709d468766331ec2dcbe9c45bbf5260537ca859e411703d20395"),
    "covered-by-your-grace": ("5.3.0", "1bd27256356f90c7bc7b463d36c05565ef4b3d655bc56d0dd7b7387114b1308d"),
    "crafty-girls": ("5.3.0", "5d6ed9d0860995963dc7c5895765e49a605e3a1e5c63d3aee65c65e767c4e808"),
    "dawning-of-a-new-day": ("5.3.0", "90b517633db0d0b77ccbd6ba10c9befaaefd3aa0d964957fc7af064ce377037a"),
    "gaegu": ("5.3.0", "a288e8e1d8ba3b288bee36088ad49f3e393797b96c2cca489efcbce47d918f6f"),
    "gamja-flower": ("5.3.0", "39b21876792be48fb2701baacab1a75566c2926ae06a109a4ff73510d77d1d7f"),
    "give-you-glory": ("5.3.0", "53dc8a5a8571d4ddbf30961e9be717e4a9395e7c4c172bacc76151cae70955aa"),
    "gloria-hallelujah": ("5.3.0", "8755cc046e06286eeebee193f9f753bd0f03eec44c7bf188fc883db66e7a9d91"),
    "handlee": ("5.3.0", "e1fbeba16906d4807b42add8ab85dec533c3e667575be00ba96f050b5fc452ce"),
    "hi-melody": ("5.3.0", "7c863e00f03dc1bf22282cc73045afce6d517c055f512e6880ca0f14a3ab662c"),
    "homemade-apple": ("5.3.0", "0ad668da20f63bd47bb32c86e160a7cae8ef0f2e1844c405bc40e278c86b91d0"),
    "indie-flower": ("5.3.0", "be380503f1e2c5ef08b8399a28f8cb2f1725527db2cb6aacec3037c2bd1b9083"),
    "just-another-hand": ("5.3.0", "58754de1b8784c97defb535f0c7e5d683ace09c17533e20c0c8c627da8239d2f"),
    "kalam": ("5.3.0", "0aaf22523f3c57ae19f32c4f4df0d43d6efd01b7563a19cf4ed818cd5601426d"),
    "la-belle-aurore": ("5.3.0", "48be5aefc80ad78aa9b2b1c992dd65678235c2496ae2a88f694e594ab9d7abed"),
    "loved-by-the-king": ("5.3.0", "d058a205828a2e29748c87c533dd917fb9b3e4156d6ae564f48cef24f5e9eb69"),
    "marck-script": ("5.3.0", "c4e6f14fd3736ec94a872db215192ea7dea04f1315df1385b451c153510575da"),
    "mynerve": ("5.3.0", "0ecc298409c3206a75447721e3f462ed7dca74efc9c7c88e4d3644529e37a033"),
    "nanum-pen-script": ("5.3.0", "91c7118b1d68e8ab576addbae76351857cf5c3656b7ee496c51fe16f01258a44"),
    "neucha": ("5.3.0", "8f2718549556a0c406a766edc9689801a950dc79a71cbb646fc5e2d67c49cca0"),
    "nothing-you-could-do": ("5.3.0", "dac48ef024df5e754bf8586157d73d0dba139d6353f28b9ec6de77b0dadf0add"),
    "over-the-rainbow": ("5.3.0", "5f231cee244b4c3a734da05bf23d4e07fec1062ffa1824358e933f59fc94e313"),
    "permanent-marker": ("5.3.0", "1fc372d174353a87b0ae7bb9651e32e7d1731f9e0b4c50c5d8704baea032bc1b"),
    "reenie-beanie": ("5.3.0", "8a2406f9b3c0b76199dcd87288ea40480fcd8547ba1af2f9f3156205f1688be9"),
    "rock-salt": ("5.3.0", "c298a87c9a667bcd034b4a5c87430394a0d9bdc03ff6182eaacac2abb868db57"),
    "schoolbell": ("5.3.0", "08901884344f129587928d2260a84e6d8cc7baae54ecdce19ff225694314b704"),
    "sedgwick-ave": ("5.3.0", "0531aaf259af059ed01c20108b5c4a7e80b5868e4e2095910e3ceaf06c597dc1"),
    "shadows-into-light": ("5.3.0", "0885aefd34c65bd79207cffff0771ae0527f227a202bc850f8cf9a12257fc7f1"),
    "short-stack": ("5.3.0", "10ff174d6c256fd5e5417466b24a561de4fd1c5d090975849c77cc7746d8f470"),
    "sue-ellen-francisco": ("5.3.0", "93c9f047a1709b2879db10b52058ffba7c1642f0acbec422eb358433c937ee00"),
    "swanky-and-moo-moo": ("5.3.0", "3a1b7f26957986f2bd645c3656f4044812a8b6995eeb2870c90a2f6b86426cd5"),
    "the-girl-next-door": ("5.3.0", "d4ac864cbcda87dffe808b5366045e8d75c149fd2a00d081cc8343ab36699545"),
    "waiting-for-the-sunrise": ("5.3.0", "6f9c645d858526553e72f0b56abb32742d5d4c10d6acdb392e5d3fa843ef7141"),
    "walter-turncoat": ("5.3.0", "d9f63db4a95c587d988e1c1ba6eed706a2d134f60aab91bba0d5d2e47fae3d51"),
    "zeyada": ("5.3.0", "bf6eb4164a796a1b91405188b95455aa7e1fad447f37195e9f767efee21e336a"),
}

TEST_HANDWRITING: Families = {
    "annie-use-your-telescope": ("5.3.0", "ed1cea10322cff6e760b1c1d2cb3be8b5a3b08ddea41feae31f9f938f39fe1ab"),
    "cookie": ("5.3.0", "07157445bcb2ecccf2dba865e8efc9c01e9403ad22b1f298dbbe0dba127206f0"),
    "courgette": ("5.3.0", "313ba0c485f5e8e09a5783c4b590719bc689a55d205f23a6c58b0437bcce0676"),
    "dancing-script": ("5.3.0", "e392efa74afec672f1c97f8699a16bb8439c8aca1a367ddb5cd035f11e70e31a"),
    "delius": ("5.3.0", "d11ac0b0039cc03d141d2dc65ee3472a8bd77300ff2dc16ed24c83544097ecb0"),
    "gochi-hand": ("5.3.0", "6e206b6139093775d8762503196d6d991408bd5f8393ea0357f4f89b75b195a3"),
    "itim": ("5.3.0", "2b6f41d05eae237d51e51e69099993e2864d9c61a0015cb908b73850000f1e2e"),
    "just-me-again-down-here": ("5.3.0", "f50dfa4391c0155de091e83454aa53c82e6fd03d79e0ef27d16615186af6f9f8"),
    "kristi": ("5.3.0", "17fc68a1e21cdf6e59112e7ea2450e039b1590caeb3714ed53d958b791f2ee64"),
    "mali": ("5.3.0", "391b86c08e567a8537c0cf6aad7298f5e4c54e0ab7652d046b44678f01f7fbd0"),
    "mansalva": ("5.3.0", "ed850c14e8a1729761348b17e15f9ec7dc5693594d3d4a60456489ce301d883d"),
    "nanum-brush-script": ("5.3.0", "1020ce15896a863639d83948298ac823873fa2683e0a6020f78275be5ec01520"),
    "pangolin": ("5.3.0", "0b7bd4f9ad33a18fc9de29e28dfb23fc4281635cc153df856443106c94f0e0b3"),
    "patrick-hand": ("5.3.0", "c3428d02610c7b8fa92b044cf766f8c30b88bb32a47460b4ac42fa14e0bcdcc0"),
    "rancho": ("5.3.0", "577fe931e414956a67cae67a5f0ecbae9600132f9d70cdbdc6a77125f48520ab"),
    "sacramento": ("5.3.0", "d9214720a61e878d67296a55afec2c372b1e6a9a6a00718e8e343def34911ae3"),
    "satisfy": ("5.3.0", "279d9fe5546d3facc33e3730f64493734fd70813af1bb8c979756242789092a5"),
    "sriracha": ("5.3.0", "934c3629d255c4f86f66b218cdefef90d6328727be5036fc28f953ac53a7b6f4"),
    "yellowtail": ("5.3.0", "11069ff57ef56c675878da73fa19b044286e94dae0001329fcced91d30f0508e"),
}

TRAINING: Families = {**TRAINING_PRINTED, **TRAINING_HANDWRITING}
TEST: Families = {**TEST_PRINTED, **TEST_HANDWRITING}
