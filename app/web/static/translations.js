// The page's words in its languages.

const WORDS = {
  en: {
    title: "digits: draw one and see how it is read",
    about: "About the service",
    api: "API",
    models: "Models",
    health: "Health",
    sheet: "Your digits",
    mode: "What to read",
    one: "One digit",
    several: "Several",
    pad: "Drawing area. The arrow keys move the pen, Space puts it down and lifts it.",
    hintOne: "Write a digit here,\nor drop or paste a picture of one.",
    hintSeveral: "Write digits here, in one line or more,\nor drop or paste a picture of them.",
    tools: "Drawing tools",
    undo: "Undo",
    clear: "Clear",
    choose: "Picture",
    chooseLong: "Choose a picture",
    file: "Picture file",
    camera: "Camera",
    cameraLong: "Take a picture with the camera",
    shoot: "Take the picture",
    cancel: "Cancel",
    noCamera: "The camera cannot be used: allow it for this page, or choose a picture.",
    key: "API key",
    useKey: "Use it",
    keyNeeded: "A key is needed",
    keyNeededDetail: "Enter the API key you were given for this service.",
    keyRefused: "This key is refused",
    keyRefusedDetail: "The service does not know it. Check it, or ask whoever runs the service for another.",
    answer: "What is read",
    seen: "what the model saw",
    seenLabel: "The 28 by 28 pixels in which the model saw a {digit}",
    decided: "for and against {digit}",
    decidedLabel: "The same pixels: blue where they speak for a {digit}, orange where they speak against it",
    nothing: "Nothing yet",
    bars: "Probability of each digit. Choose one to see which pixels speak for it.",
    waiting: "Waiting for a digit",
    waitingDetail: "It is read while you draw.",
    certain: "Almost certain",
    very: "Very likely",
    likely: "Likely",
    perhaps: "Perhaps",
    noDigit: "Not a digit",
    noDigitDetail: "It is most like a {digit}: {percent}.",
    noDigits: "No digits found",
    digits: "{count} digits, the least certain {percent}",
    oneDigit: "1 digit, {percent}",
    doubtful: "{count} not sure, marked in the picture",
    model: "model {name}, version {version}",
    cpu: "on the CPU",
    gpu: "on the GPU",
    took: "{ms} ms there and back",
    onDevice: "On this device",
    onDeviceOff: "Pictures are read by the service.",
    onDeviceLoading: "Fetching the model and what runs it …",
    onDeviceOn: "Pictures are read here and never sent.",
    loading: "Fetched so far",
    device: "on this device",
    tookHere: "{ms} ms",
    unshown: "{name} cannot be shown here.",
    fault: "This page has a fault",
    other: "中文",
  },
  zh: {
    title: "digits：写一个数字，看看怎么识别",
    about: "关于本服务",
    api: "接口",
    models: "模型",
    health: "状态",
    sheet: "你写的数字",
    mode: "识别方式",
    one: "单个数字",
    several: "多个数字",
    pad: "书写区。方向键移动画笔，空格键落笔或提笔。",
    hintOne: "在这里写一个数字，\n也可以拖入或粘贴图片。",
    hintSeveral: "在这里写一行或多行数字，\n也可以拖入或粘贴图片。",
    tools: "书写工具",
    undo: "撤销",
    clear: "清空",
    choose: "图片",
    chooseLong: "选择一张图片",
    file: "图片文件",
    camera: "拍照",
    cameraLong: "用摄像头拍照",
    shoot: "拍照",
    cancel: "取消",
    noCamera: "无法使用摄像头：请允许本页使用，或改为选择图片。",
    key: "API 密钥",
    useKey: "使用",
    keyNeeded: "需要密钥",
    keyNeededDetail: "请输入本服务的 API 密钥。",
    keyRefused: "密钥无效",
    keyRefusedDetail: "服务不认识这个密钥。请检查后重试，或向服务管理员索取。",
    answer: "识别结果",
    seen: "模型看到的图像",
    seenLabel: "模型看到的 28×28 像素图像，识别为 {digit}",
    decided: "支持与反对 {digit}",
    decidedLabel: "同一图像：蓝色支持 {digit}，橙色反对",
    nothing: "还没有内容",
    bars: "各数字的概率。选择一个数字，可查看哪些像素支持它。",
    waiting: "等待书写",
    waitingDetail: "边写边识别。",
    certain: "几乎肯定",
    very: "很有可能",
    likely: "有可能",
    perhaps: "不太确定",
    noDigit: "不是数字",
    noDigitDetail: "最接近 {digit}：{percent}。",
    noDigits: "没有找到数字",
    digits: "共 {count} 个数字，最低置信度 {percent}",
    oneDigit: "共 1 个数字，{percent}",
    doubtful: "其中 {count} 个不确定，已在图中标出",
    model: "模型 {name}，版本 {version}",
    cpu: "运行于 CPU",
    gpu: "运行于 GPU",
    took: "往返 {ms} 毫秒",
    onDevice: "在本机识别",
    onDeviceOff: "图片由服务器识别。",
    onDeviceLoading: "正在获取模型和运行程序……",
    onDeviceOn: "图片只在本机识别，不会发送。",
    loading: "获取进度",
    device: "运行于本机",
    tookHere: "{ms} 毫秒",
    unshown: "{name} 无法在此显示。",
    fault: "本页出现错误",
    other: "English",
  },
};

// What the service says in English, by the kind of problem.
const PROBLEMS = {
  zh: {
    "invalid-request": ["无法理解请求", "请换一张图片再试。"],
    "body-too-large": ["图片文件太大", "请选择小一些的图片。"],
    "too-many-pixels": ["图片像素太多", "请选择小一些的图片。"],
    "too-many-digits": ["图中的数字太多", "请分成几张图片。"],
    "unsupported-picture": ["无法读取这张图片", "文件已损坏，或不是 PNG、JPEG、WebP、BMP、GIF、TIFF 图片。"],
    "blank-picture": ["图片是空白的", "图中没有笔迹：请写一个数字。"],
    "internal-error": ["服务器出错", "错误已记录，请再试一次。"],
    overloaded: ["服务器繁忙", "稍后会自动重试。"],
    stopping: ["服务器正在关闭", "稍后会自动重试。"],
    "deadline-exceeded": ["等待时间过长", "请稍后再试。"],
    timeout: ["等待时间过长", "请稍后再试。"],
    "unreadable-here": ["此浏览器无法显示这张图片", "请选择 PNG 或 JPEG 图片。"],
    "failed-here": ["此浏览器无法在本机识别", "请关闭“在本机识别”，改由服务器识别。"],
    "several-here": ["本机一次只能识别一个数字", "请选择“单个数字”，或关闭“在本机识别”。"],
    unreachable: ["无法连接服务器", "请检查网络，并确认服务正在运行。"],
  },
};

const STORED = "digits.language";
let language = localStorage.getItem(STORED) ?? (navigator.language.startsWith("zh") ? "zh" : "en");

/** The words for `key`, with its {names} filled in. */
export function say(key, values = {}) {
  return WORDS[language][key].replace(/{(\w+)}/g, (_, name) => values[name]);
}

/** Title and detail of a problem: the service's own words, where there is no translation. */
export function sayProblem({ type, title, detail }) {
  return PROBLEMS[language]?.[type?.split(":").at(-1)] ?? [title ?? say("fault"), detail ?? ""];
}

/** Rounded down: 99.996 % is not 100 %. */
export function percent(share, places) {
  const unit = 10 ** places;
  return `${(Math.floor(share * 100 * unit) / unit).toFixed(places)} %`;
}

export function changeLanguage() {
  language = language === "en" ? "zh" : "en";
  localStorage.setItem(STORED, language);
  translate();
}

/** Puts the words into the document: data-say names the text of an element, data-say-label its label. */
export function translate() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  document.title = say("title");
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const element of document.querySelectorAll("[data-say-label]")) element.ariaLabel = say(element.dataset.sayLabel);
}
