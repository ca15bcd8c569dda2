// The page's texts in its languages.

const MESSAGES = {
  en: {
    title: "digits: handwritten digit recognition",
    about: "About the service",
    api: "API",
    models: "Models",
    health: "Health",
    sheet: "Your digits",
    mode: "Number of digits",
    one: "One digit",
    several: "Several",
    pad: "Drawing area. The arrow keys move the pen; Space lowers and lifts it.",
    hintOne: "Draw a digit here,\nor drop or paste a picture.",
    hintSeveral: "Write digits here, on one line or more,\nor drop or paste pictures and documents.",
    tools: "Drawing tools",
    undo: "Undo",
    clear: "Clear",
    choose: "Picture",
    showStack: "Stack of pictures",
    chooseLong: "Choose a picture",
    file: "Picture file",
    camera: "Camera",
    cameraLong: "Take a picture with the camera",
    shoot: "Take picture",
    cancel: "Cancel",
    cameraUnavailable: "The camera is not available. Allow this page to use it, or choose a picture instead.",
    key: "API key",
    useKey: "Use key",
    keyNeeded: "API key required",
    keyNeededDetail: "Enter an API key for this service.",
    keyRefused: "API key not accepted",
    keyRefusedDetail: "Check the key, or ask the operator of this service for a new one.",
    answer: "Result",
    seen: "model input",
    seenLabel: "The 28 by 28 pixel image that the model received and read as {digit}",
    decided: "for and against {digit}",
    decidedLabel: "The same image: blue pixels are evidence for {digit}, orange pixels evidence against it",
    noImage: "No image yet",
    bars: "Probability of each digit. Choose a digit to see which pixels are evidence for it.",
    waiting: "Waiting for a digit",
    waitingDetail: "The result updates while you draw.",
    almostCertain: "Almost certain",
    veryLikely: "Very likely",
    likely: "Likely",
    uncertain: "Uncertain",
    notADigit: "Not a digit?",
    closestMatch: "Closest: {digit}, {percent}",
    noDigits: "No digits found",
    digits: "{count} digits, lowest confidence {percent}",
    oneDigit: "1 digit, confidence {percent}",
    uncertainDigits: "{count} uncertain, marked in the picture",
    lines: "Lines that were read",
    alternatives: "Readings of line {number}",
    unsure: "{percent}, uncertain",
    chosen: "chosen",
    unsureSign: "{sign}: {percent}, uncertain",
    space: "space",
    unknownSign: "Neither a digit nor a mark",
    turned: "page turned by {degrees}°",
    copy: "Copy",
    copied: "Copied",
    model: "model {name}, version {version}",
    cpu: "on the CPU",
    gpu: "on the GPU",
    device: "on this device",
    roundTrip: "{ms} ms round trip",
    duration: "{ms} ms",
    onDevice: "Read on this device",
    notStored: "Pictures are sent to this service; none is stored or logged.",
    onDeviceLoading: "Downloading the model and its runtime …",
    onDeviceOn: "Pictures stay in this browser.",
    onDeviceFailed: "Nothing is sent. The next picture tries the download again.",
    loading: "Download progress",
    noPreview: "This browser cannot display {name}.",
    aboutFile: "{name}: {detail}",
    pageError: "Something went wrong on this page",
    incomplete: "A part of this page could not be loaded",
    incompleteDetail: "Check the network connection, then add the pictures again.",
    other: "中文",
    // The page's first impression.
    tagline: "Reads handwritten digits: draw, or drop a photo.",
    samples: "Nothing at hand? Try one of these:",
    sampleDigit: "A digit",
    sampleSheet: "A photo of a sheet",
    sampleForm: "A form with boxes",
    legendFor: "blue: evidence for {digit}",
    legendAgainst: "orange: evidence against it",
    reading: "Reading …",
    retrying: "This page keeps asking for it, and reads your picture once it is back.",
    codeOpen: "Use it in code",
    codeTitle: "This request in code",
    codeLanguage: "Language",
    codeNotSent: "This device read the picture and sent nothing. The code sends it to the service.",
    codeOrigins: "Pages of other origins need the service's setting DIGITS_CORS_ORIGINS=https://your.page",
    savePicture: "Save {name}",
    close: "Close",
  },
  zh: {
    title: "digits：手写数字识别",
    about: "关于本服务",
    api: "文档",
    models: "模型",
    health: "状态",
    sheet: "手写数字",
    mode: "数字个数",
    one: "单个数字",
    several: "多个数字",
    pad: "画板。方向键移动画笔，空格键落笔或抬笔。",
    hintOne: "在这里写一个数字，\n或拖入、粘贴一张图片",
    hintSeveral: "在这里写一行或多行数字，\n或拖入、粘贴多张图片或文档",
    tools: "画板工具",
    undo: "撤销",
    clear: "清空",
    choose: "选择图片",
    showStack: "全部图片",
    chooseLong: "选择图片",
    file: "图片文件",
    camera: "拍照",
    cameraLong: "用摄像头拍照",
    shoot: "拍照",
    cancel: "取消",
    cameraUnavailable: "无法使用摄像头。请允许本页面访问摄像头，或改为选择图片。",
    key: "API 密钥",
    useKey: "确定",
    keyNeeded: "需要 API 密钥",
    keyNeededDetail: "请输入本服务的 API 密钥。",
    keyRefused: "API 密钥无效",
    keyRefusedDetail: "请检查密钥是否正确，或联系服务管理员获取新密钥。",
    answer: "识别结果",
    seen: "模型输入",
    seenLabel: "输入模型的 28×28 像素图像，识别为 {digit}",
    decided: "{digit} 的判断依据",
    decidedLabel: "同一图像：蓝色像素支持判断为 {digit}，橙色像素反对",
    noImage: "暂无图像",
    bars: "各数字的概率。选择一个数字，可查看哪些像素支持它。",
    waiting: "等待书写",
    waitingDetail: "边写边识别，结果实时更新",
    almostCertain: "几乎确定",
    veryLikely: "很可能",
    likely: "可能",
    uncertain: "不太确定",
    notADigit: "不像数字",
    closestMatch: "最接近 {digit}：{percent}",
    noDigits: "未识别到数字",
    digits: "共 {count} 个数字，最低置信度 {percent}",
    oneDigit: "共 1 个数字，置信度 {percent}",
    uncertainDigits: "其中 {count} 个不太确定，已在图中标出",
    lines: "识别出的各行",
    alternatives: "第 {number} 行的候选结果",
    unsure: "{percent}，不太确定",
    chosen: "已选",
    unsureSign: "{sign}：{percent}，不太确定",
    space: "空格",
    unknownSign: "既不是数字，也不是符号",
    turned: "页面已旋转 {degrees}°",
    copy: "复制",
    copied: "已复制",
    model: "模型 {name}，版本 {version}",
    cpu: "CPU 推理",
    gpu: "GPU 推理",
    device: "本机识别",
    roundTrip: "往返 {ms} 毫秒",
    duration: "耗时 {ms} 毫秒",
    onDevice: "在本机识别",
    notStored: "图片会发送到本服务识别，不保存，也不写入日志",
    onDeviceLoading: "正在下载模型和运行组件…",
    onDeviceOn: "图片只在本机识别，不会上传",
    onDeviceFailed: "图片不会上传。下一张图片会再次尝试下载。",
    loading: "下载进度",
    noPreview: "此浏览器无法预览 {name}",
    aboutFile: "{name}：{detail}",
    pageError: "页面出错了",
    incomplete: "页面的一部分未能载入",
    incompleteDetail: "请检查网络，然后重新添加图片。",
    other: "English",
    // The page's first impression.
    tagline: "识别手写数字：手写，或拖入照片",
    samples: "手边没有图片？试试这些：",
    sampleDigit: "单个数字",
    sampleSheet: "纸张照片",
    sampleForm: "方格表单",
    legendFor: "蓝色：支持 {digit}",
    legendAgainst: "橙色：反对",
    reading: "正在识别…",
    retrying: "本页会持续尝试连接，恢复后自动识别您的图片。",
    codeOpen: "在代码中使用",
    codeTitle: "本次请求的代码",
    codeLanguage: "语言",
    codeNotSent: "本次由本机识别，未发送任何内容。此代码会把图片发送到服务器。",
    codeOrigins: "其他来源的页面需要服务端设置 DIGITS_CORS_ORIGINS=https://your.page",
    savePicture: "保存 {name}",
    close: "关闭",
  },
};

// By the last part of a problem's type. English needs no table: problems arrive with an English title and detail.
const PROBLEM_MESSAGES = {
  zh: {
    "invalid-request": ["请求无效", "请换一张图片重试。"],
    "model-not-found": ["模型不存在", "模型可能刚刚更新，请刷新页面后重试。"],
    "body-too-large": ["图片文件过大", "请选择较小的图片。"],
    "too-many-pixels": ["图片尺寸过大", "请缩小图片后重试。"],
    "several-digits": ["图中有多个数字", "请切换到“多个数字”，或裁剪为单个数字。"],
    "too-many-digits": ["图中数字过多", "请拆分成多张图片，分别识别。"],
    "unsupported-picture": [
      "无法读取图片",
      "文件已损坏或格式不受支持，请使用 PNG、JPEG、WebP、BMP、GIF 或 TIFF 图片。",
    ],
    "blank-picture": ["图片是空白的", "图中没有笔迹，请写一个数字。"],
    "internal-error": ["服务器出错了", "错误已记录，请稍后重试。"],
    overloaded: ["服务器繁忙", "稍后将自动重试。"],
    stopping: ["服务器正在关闭", "稍后将自动重试。"],
    "deadline-exceeded": ["识别超时", "请稍后重试。"],
    timeout: ["请求超时", "请稍后重试。"],
    unreachable: ["无法连接服务器", "请检查网络，并确认服务正在运行。"],
    "download-failed": ["本机识别所需文件下载失败", "请稍后重试，或关闭“在本机识别”。"],
    "unreadable-here": ["此浏览器无法打开这张图片", "请改用 PNG 或 JPEG 图片。"],
    "failed-here": ["本机识别失败", "请关闭“在本机识别”，改由服务器识别。"],
    "several-offline": ["多个数字由服务器识别", "目前无法连接服务器。"],
    "several-here": ["本机识别仅支持单个数字", "请切换到“单个数字”，或关闭“在本机识别”。"],
  },
};

const STORAGE_KEY = "digits.language";
let language = localStorage.getItem(STORAGE_KEY) ?? (navigator.language.startsWith("zh") ? "zh" : "en");

/** Adds the texts of another page, or of a part that is loaded later: by language, as the tables above. */
export function addMessages(messages, problems = {}) {
  for (const [name, texts] of Object.entries(messages)) Object.assign(MESSAGES[name], texts);
  for (const [name, texts] of Object.entries(problems)) Object.assign(PROBLEM_MESSAGES[name], texts);
}

/** The text of a message in the current language, with its {placeholders} filled in. */
export function translate(key, values = {}) {
  return MESSAGES[language][key].replace(/{(\w+)}/g, (_, name) => values[name]);
}

/** The title and the detail of a problem; those it came with where it has no translation. */
export function translateProblem({ type, title, detail }) {
  return PROBLEM_MESSAGES[language]?.[type?.split(":").at(-1)] ?? [title ?? translate("pageError"), detail ?? ""];
}

/** Rounded down: 99.996% is not 100%. */
export function formatPercent(fraction, decimals) {
  const unit = 10 ** decimals;
  return `${(Math.floor(fraction * 100 * unit) / unit).toFixed(decimals)}%`;
}

export function switchLanguage() {
  language = language === "en" ? "zh" : "en";
  localStorage.setItem(STORAGE_KEY, language);
  translatePage();
}

/** Fills the document's own texts: `data-say` names the message of an element's text, `data-say-label` of its label. */
export function translatePage() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  document.title = translate("title");
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = translate(element.dataset.say);
  for (const element of document.querySelectorAll("[data-say-label]")) {
    element.ariaLabel = translate(element.dataset.sayLabel);
  }
}
